// The two ends of a gateway benchmark, on the standard library alone: a mock upstream that always gives the same answer,
// and a load generator that keeps a number of connections busy, or a rate. One JSON object on standard output.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fail("usage: load mock|load|streams [flags]")
	}
	runtime.GOMAXPROCS(procs())
	switch os.Args[1] {
	case "mock":
		mock(os.Args[2:])
	case "load":
		load(os.Args[2:])
	case "streams":
		streams(os.Args[2:])
	default:
		fail("unknown command " + os.Args[1])
	}
}

func procs() int {
	if n, err := strconv.Atoi(os.Getenv("LOAD_PROCS")); err == nil && n > 0 {
		return n
	}
	return 1
}

func fail(words string) {
	fmt.Fprintln(os.Stderr, words)
	os.Exit(1)
}

// One request or answer from a connection: its first line, and its body.
func read(in *bufio.Reader, body []byte) (string, []byte, error) {
	first, length, chunked, err := head(in)
	if err != nil {
		return "", nil, err
	}
	body = body[:0]
	if !chunked {
		if cap(body) < length {
			body = make([]byte, length)
		}
		body = body[:length]
		_, err = io.ReadFull(in, body)
		return first, body, err
	}
	for {
		piece, err := chunk(in)
		if err != nil || piece == nil {
			return first, body, err
		}
		body = append(body, piece...)
	}
}

func head(in *bufio.Reader) (string, int, bool, error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return "", 0, false, err
	}
	first := string(bytes.TrimRight(line, "\r\n"))
	length, chunked := 0, false
	for {
		line, err = in.ReadSlice('\n')
		if err != nil {
			return "", 0, false, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			return first, length, chunked, nil
		}
		if len(line) > 15 && bytes.EqualFold(line[:15], []byte("content-length:")) {
			length, err = strconv.Atoi(string(bytes.TrimSpace(line[15:])))
			if err != nil {
				return "", 0, false, err
			}
		} else if len(line) > 18 && bytes.EqualFold(line[:18], []byte("transfer-encoding:")) {
			chunked = true
		}
	}
}

// The next chunk; nil at the end.
func chunk(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	size, err := strconv.ParseInt(strings.TrimSpace(strings.SplitN(string(line), ";", 2)[0]), 16, 32)
	if err != nil {
		return nil, err
	}
	piece := make([]byte, size+2)
	if _, err = io.ReadFull(in, piece); err != nil || size == 0 {
		return nil, err
	}
	return piece[:size], nil
}

const answer = `{"id":"chatcmpl-1","object":"chat.completion","created":1767225600,"model":"bench","choices":[{"index":0,` +
	`"message":{"role":"assistant","content":"Hello! How can I help you today?","refusal":null},"logprobs":null,` +
	`"finish_reason":"stop"}],"usage":{"prompt_tokens":19,"completion_tokens":9,"total_tokens":28}}`

const event = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1767225600,"model":"bench","choices":` +
	`[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}` + "\n\n"

func mock(arguments []string) {
	flags := flag.NewFlagSet("mock", flag.ExitOnError)
	address := flags.String("address", "127.0.0.1:0", "where to listen")
	events := flags.Int("events", 50, "events of a stream")
	every := flags.Duration("every", 10*time.Millisecond, "time between events")
	_ = flags.Parse(arguments)
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		fail(err.Error())
	}
	fmt.Printf("{\"port\": %d}\n", listener.Addr().(*net.TCPAddr).Port)
	for {
		connection, err := listener.Accept()
		if err != nil {
			continue
		}
		go serve(connection, *events, *every)
	}
}

func serve(connection net.Conn, events int, every time.Duration) {
	defer connection.Close()
	in := bufio.NewReaderSize(connection, 4096)
	whole := []byte(fmt.Sprintf("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s", len(answer), answer))
	piece := []byte(fmt.Sprintf("%x\r\n%s\r\n", len(event), event))
	var body []byte
	for {
		var err error
		if _, body, err = read(in, body); err != nil {
			return
		}
		if !bytes.Contains(body, []byte(`"stream":true`)) && !bytes.Contains(body, []byte(`"stream": true`)) {
			if _, err = connection.Write(whole); err != nil {
				return
			}
			continue
		}
		if _, err = io.WriteString(connection, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"); err != nil {
			return
		}
		next := time.Now()
		for number := 0; number < events; number++ {
			if _, err = connection.Write(piece); err != nil {
				return
			}
			next = next.Add(every)
			time.Sleep(time.Until(next))
		}
		if _, err = io.WriteString(connection, "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"); err != nil {
			return
		}
	}
}

type target struct {
	address, request string
}

func targetFlags(flags *flag.FlagSet) func() target {
	address := flags.String("address", "", "host:port")
	path := flags.String("path", "/v1/chat/completions", "path")
	key := flags.String("key", "", "API key")
	model := flags.String("model", "bench", "model")
	headers := flags.String("headers", "", "further headers, separated by |")
	pad := flags.Int("pad", 0, "bytes that the prompt is longer by")
	stream := flags.Bool("stream", false, "ask for a stream")
	return func() target {
		content := "Hello there, how are you today?" + strings.Repeat(" word", *pad/5)
		body := fmt.Sprintf(`{"model":"%s","messages":[{"role":"user","content":"%s"}],"temperature":0.7`, *model, content)
		if *stream {
			body += `,"stream":true`
		}
		body += "}"
		lines := ""
		for _, line := range strings.Split(*headers, "|") {
			if line != "" {
				lines += line + "\r\n"
			}
		}
		return target{*address, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s",
			*path, *address, *key, lines, len(body), body)}
	}
}

type result struct {
	Requests  int     `json:"requests"`
	Errors    int     `json:"errors"`
	PerSecond float64 `json:"per_second"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
}

func load(arguments []string) {
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	of := targetFlags(flags)
	connections := flags.Int("connections", 32, "connections")
	seconds := flags.Float64("seconds", 5, "how long")
	rate := flags.Float64("rate", 0, "requests a second in all; 0 is as many as possible")
	firstByte := flags.Bool("first-byte", false, "measure the time to the first byte of the body")
	_ = flags.Parse(arguments)
	to := of()
	var failed atomic.Int64
	all := make([][]time.Duration, *connections)
	began := time.Now()
	end := began.Add(time.Duration(*seconds * float64(time.Second)))
	var group sync.WaitGroup
	for number := 0; number < *connections; number++ {
		group.Add(1)
		go func(number int) {
			defer group.Done()
			var pause time.Duration
			due := began
			if *rate > 0 {
				pause = time.Duration(float64(*connections) / *rate * float64(time.Second))
				due = began.Add(pause * time.Duration(number) / time.Duration(*connections))
			}
			all[number] = worker(to, end, due, pause, *firstByte, &failed)
		}(number)
	}
	group.Wait()
	report(all, int(failed.Load()), time.Since(began))
}

// Times are counted from when a request was due, so that a server that is late is not spared (coordinated omission).
func worker(to target, end, due time.Time, pause time.Duration, firstByte bool, failed *atomic.Int64) []time.Duration {
	var times []time.Duration
	var connection net.Conn
	var in *bufio.Reader
	var body []byte
	request := []byte(to.request)
	for time.Now().Before(end) {
		if pause > 0 {
			time.Sleep(time.Until(due))
		} else {
			due = time.Now()
		}
		var err error
		if connection == nil {
			if connection, err = net.DialTimeout("tcp", to.address, 5*time.Second); err != nil {
				failed.Add(1)
				time.Sleep(10 * time.Millisecond)
				connection = nil
				continue
			}
			in = bufio.NewReaderSize(connection, 16384)
		}
		_ = connection.SetDeadline(time.Now().Add(60 * time.Second))
		var took time.Duration
		var first string
		if _, err = connection.Write(request); err == nil {
			if firstByte {
				first, took, err = toFirstByte(in, due)
			} else {
				first, body, err = read(in, body)
				took = time.Since(due)
			}
		}
		if err != nil || !strings.HasPrefix(first, "HTTP/1.1 200") {
			failed.Add(1)
			connection.Close()
			connection = nil
		} else {
			times = append(times, took)
		}
		due = due.Add(pause)
	}
	if connection != nil {
		connection.Close()
	}
	return times
}

func toFirstByte(in *bufio.Reader, due time.Time) (string, time.Duration, error) {
	first, _, chunked, err := head(in)
	if err != nil || !chunked {
		return first, 0, fmt.Errorf("no stream: %w", err)
	}
	took := time.Duration(0)
	for {
		piece, err := chunk(in)
		if took == 0 {
			took = time.Since(due)
		}
		if err != nil || piece == nil {
			return first, took, err
		}
	}
}

func report(all [][]time.Duration, failed int, took time.Duration) {
	var times []time.Duration
	for _, some := range all {
		times = append(times, some...)
	}
	sort.Slice(times, func(a, b int) bool { return times[a] < times[b] })
	at := func(share float64) float64 {
		if len(times) == 0 {
			return 0
		}
		return float64(times[int(share*float64(len(times)-1))].Nanoseconds()) / 1e6
	}
	_ = json.NewEncoder(os.Stdout).Encode(result{len(times), failed, float64(len(times)) / took.Seconds(), at(0.5), at(0.99)})
}

type streamsResult struct {
	Streams  int     `json:"streams"`
	Errors   int     `json:"errors"`
	Events   int64   `json:"events"`
	Longest  float64 `json:"longest_silence_seconds"`
	Finished int     `json:"finished"`
}

// Opens streams, a number of them a second, reads all to their end, and reports the longest silence within any.
func streams(arguments []string) {
	flags := flag.NewFlagSet("streams", flag.ExitOnError)
	of := targetFlags(flags)
	count := flags.Int("count", 1000, "streams")
	opening := flags.Float64("opening", 500, "streams opened a second")
	_ = flags.Parse(arguments)
	to := of()
	var group sync.WaitGroup
	var events, failed, finished, longest atomic.Int64
	for number := 0; number < *count; number++ {
		group.Add(1)
		time.Sleep(time.Duration(float64(time.Second) / *opening))
		go func() {
			defer group.Done()
			silence, seen, err := follow(to)
			events.Add(seen)
			if err != nil {
				failed.Add(1)
				return
			}
			finished.Add(1)
			for {
				known := longest.Load()
				if int64(silence) <= known || longest.CompareAndSwap(known, int64(silence)) {
					return
				}
			}
		}()
	}
	group.Wait()
	_ = json.NewEncoder(os.Stdout).Encode(streamsResult{*count, int(failed.Load()), events.Load(),
		time.Duration(longest.Load()).Seconds(), int(finished.Load())})
}

func follow(to target) (time.Duration, int64, error) {
	connection, err := net.DialTimeout("tcp", to.address, 20*time.Second)
	if err != nil {
		return 0, 0, err
	}
	defer connection.Close()
	if _, err = io.WriteString(connection, to.request); err != nil {
		return 0, 0, err
	}
	in := bufio.NewReaderSize(connection, 2048)
	first, _, chunked, err := head(in)
	if err != nil || !chunked || !strings.HasPrefix(first, "HTTP/1.1 200") {
		return 0, 0, fmt.Errorf("no stream: %s %w", first, err)
	}
	var longest time.Duration
	var seen int64
	last := time.Now()
	for {
		piece, err := chunk(in)
		if err != nil {
			return longest, seen, err
		}
		if piece == nil {
			return longest, seen, nil
		}
		if silence := time.Since(last); silence > longest && seen > 0 {
			longest = silence
		}
		last = time.Now()
		seen++
	}
}
