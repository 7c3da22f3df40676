// Package snippets is what the blocks of README.md take for granted, each in place of the line at the end.
package snippets

import (
	"context"
	"errors"
	"log"

	litebox "litebox.ru/partner/sdk/go"
	"litebox.ru/partner/sdk/go/gen/clientv1"
	"litebox.ru/partner/sdk/go/gen/kktv1"
)

var (
	ctx                                                    context.Context
	partner                                                *litebox.Partner
	request                                                *kktv1.QuickRegisterRequest
	id, token                                              string
	errAskSupport                                          error
	anotherCode, loadToken                                 func() string
	ask, forget, handle, saveToken, show, store, take, use func(...any)
)

func _() error {
	// BLOCK
	return nil
}
