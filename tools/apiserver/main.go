// Command apiserver is one real Kubernetes API server in one process: the kube-apiserver of the pinned version with
// an embedded etcd, on loopback. It is what the conformance tests apply the rendered manifests to.
//
// Usage: apiserver --data DIR --port PORT --etcd-port PORT --peer-port PORT --token TOKEN [-- kube-apiserver flags]
package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"
	_ "time/tzdata"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

var (
	data     = flag.String("data", "", "folder for certificates, keys and etcd")
	port     = flag.Int("port", 0, "port of the API server")
	etcdPort = flag.Int("etcd-port", 0, "port of etcd for the API server")
	peerPort = flag.Int("peer-port", 0, "port of etcd for its peers, of which there are none")
	token    = flag.String("token", "", "bearer token of the administrator")
)

func main() {
	flag.Parse()
	if *data == "" || *port == 0 || *etcdPort == 0 || *peerPort == 0 || *token == "" {
		fmt.Fprintln(os.Stderr, "apiserver: --data, --port, --etcd-port, --peer-port and --token are needed")
		os.Exit(2)
	}
	endpoint, err := store()
	if err == nil {
		err = serviceAccountKey()
	}
	if err == nil {
		err = os.WriteFile(file("tokens.csv"), []byte(*token+",admin,admin,system:masters\n"), 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "apiserver:", err)
		os.Exit(1)
	}
	command := app.NewAPIServerCommand()
	command.SetArgs(append([]string{
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", *port),
		"--etcd-servers=" + endpoint,
		"--cert-dir=" + file("certificates"),
		"--token-auth-file=" + file("tokens.csv"),
		"--authorization-mode=RBAC",
		"--service-cluster-ip-range=10.100.0.0/16",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-signing-key-file=" + file("service-account.key"),
		"--service-account-key-file=" + file("service-account.key"),
		// Its controller gives every namespace a service account; none runs here.
		"--disable-admission-plugins=ServiceAccount",
	}, flag.Args()...))
	os.Exit(cli.Run(command))
}

func file(name string) string { return filepath.Join(*data, name) }

// store starts etcd and returns its address.
func store() (string, error) {
	client := url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", *etcdPort)}
	peer := url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", *peerPort)}
	config := embed.NewConfig()
	config.Dir = file("etcd")
	config.LogLevel = "error"
	config.UnsafeNoFsync = true // nothing here outlives the process
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	server, err := embed.StartEtcd(config)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	select {
	case <-server.Server.ReadyNotify():
		return client.String(), nil
	case err := <-server.Err():
		return "", err
	case <-ctx.Done():
		return "", fmt.Errorf("etcd was not ready after a minute")
	}
}

// serviceAccountKey writes the key that tokens of service accounts are signed with; the API server insists on one.
func serviceAccountKey() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	return os.WriteFile(file("service-account.key"), pem.EncodeToMemory(block), 0o600)
}
