//go:build tools

// Package tools pins the DNS server of the real node.
package tools

import (
	_ "github.com/coredns/coredns"
)
