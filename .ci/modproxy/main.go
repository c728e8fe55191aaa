// Command modproxy lays a checkout out as a file-system module proxy:
//
//	modproxy CHECKOUT PROXY MODULE VERSION
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 5 {
		log.Fatal("usage: modproxy CHECKOUT PROXY MODULE VERSION")
	}
	if err := lay(os.Args[1], os.Args[2], module.Version{Path: os.Args[3], Version: os.Args[4]}); err != nil {
		log.Fatal(err)
	}
}

// lay writes the four files that the go command asks a proxy for.
func lay(checkout, proxy string, m module.Version) error {
	dir := filepath.Join(proxy, m.Path, "@v")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	gomod, err := os.ReadFile(filepath.Join(checkout, "go.mod"))
	if err != nil {
		return err
	}
	info := fmt.Sprintf(`{"Version":%q,"Time":"2024-01-01T00:00:00Z"}`, m.Version)
	for name, data := range map[string][]byte{
		"list":              []byte(m.Version + "\n"),
		m.Version + ".info": []byte(info),
		m.Version + ".mod":  gomod,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	f, err := os.Create(filepath.Join(dir, m.Version+".zip"))
	if err != nil {
		return err
	}
	if err := zip.CreateFromDir(f, m, checkout); err != nil {
		return err
	}
	return f.Close()
}
