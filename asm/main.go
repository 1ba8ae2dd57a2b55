// The command asm generates the assembly kernels at the root of the repository
// from the plan in internal/gen. go generate runs it; a test fails when what is
// committed is not what it makes.
package main

import (
	"flag"
	"log"
	"os"
	"path/filepath"
)

func main() {
	log.SetFlags(0)
	root := flag.String("root", ".", "folder of the root module, where the files go")
	flag.Parse()
	if err := write(*root); err != nil {
		log.Fatalln("asm:", err)
	}
}

func write(root string) error {
	files, err := generate()
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(root, f.name), f.content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
