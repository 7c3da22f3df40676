package litebox

import (
	"iter"

	"google.golang.org/protobuf/proto"
)

// paged is a request for a page.
type paged interface {
	proto.Message
	GetPageToken() string
}

// pages yields the items of all pages. Each walk has a request of its own, so that one sequence can be walked often.
func pages[R paged, I any](request R, fetch func(request R, token string) ([]I, string, error)) iter.Seq2[I, error] {
	return func(yield func(I, error) bool) {
		own := proto.CloneOf(request)
		if !own.ProtoReflect().IsValid() {
			own = own.ProtoReflect().New().Interface().(R)
		}
		for token := request.GetPageToken(); ; {
			items, next, err := fetch(own, token)
			if err != nil {
				var none I
				yield(none, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			token = next
		}
	}
}
