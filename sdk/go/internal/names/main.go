// Prints every public name of the package in a folder, sorted: for sdk/names.py, which holds the languages against each other.
//
//	go run ./internal/names .
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log"
	"os"
	"slices"
	"strings"
)

func main() {
	sources := func(file fs.FileInfo) bool { return !strings.HasSuffix(file.Name(), "_test.go") }
	packages, err := parser.ParseDir(token.NewFileSet(), os.Args[1], sources, parser.SkipObjectResolution)
	if err != nil {
		log.Fatal(err)
	}
	var names []string
	for _, file := range packages["litebox"].Files {
		for _, declaration := range file.Decls {
			names = append(names, declared(declaration)...)
		}
	}
	slices.Sort(names)
	fmt.Println(strings.Join(names, "\n"))
}

func declared(declaration ast.Decl) []string {
	switch d := declaration.(type) {
	case *ast.FuncDecl:
		return public(receiver(d), d.Name)
	case *ast.GenDecl:
		var names []string
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				names = append(names, append(public("", s.Name), fields(s)...)...)
			case *ast.ValueSpec:
				names = append(names, public("", s.Names...)...)
			}
		}
		return names
	}
	return nil
}

// receiver is the type of a method with a dot; nothing of a function.
func receiver(function *ast.FuncDecl) string {
	if function.Recv == nil {
		return ""
	}
	kind := function.Recv.List[0].Type
	if pointer, ok := kind.(*ast.StarExpr); ok {
		kind = pointer.X
	}
	return kind.(*ast.Ident).Name + "."
}

func fields(spec *ast.TypeSpec) []string {
	structure, ok := spec.Type.(*ast.StructType)
	if !ok {
		return nil
	}
	var names []string
	for _, field := range structure.Fields.List {
		names = append(names, public(spec.Name.Name+".", field.Names...)...)
	}
	return names
}

func public(of string, names ...*ast.Ident) []string {
	var out []string
	for _, name := range names {
		if name.IsExported() && (of == "" || ast.IsExported(of)) {
			out = append(out, of+name.Name)
		}
	}
	return out
}
