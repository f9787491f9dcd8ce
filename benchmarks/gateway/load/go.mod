module plinth.dev/benchmarks/gateway/load

go 1.21
