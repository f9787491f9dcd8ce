//go:build tools

// Package tools pins the Pulumi CLI, so that a machine that cannot download a
// release can build the same version from the published Go module.
package tools

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
