//go:build tools

// Package tools pins Pulumi's language host for Python. The newest version that is published as a Go module is
// 3.79.0 (later ones are separate modules without tags); the engine's protocol still accepts it. It ignores
// `runtime.options.virtualenv`, so the environment's bin folder has to be first on PATH.
package tools

import _ "github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python"
