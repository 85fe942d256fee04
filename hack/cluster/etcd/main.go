// Package main is etcd. The upstream command lives in a module whose
// requirements point into its own source tree, so it cannot be built by
// version; the server library can, and it contains the whole program.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
