package litebox

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"

	"google.golang.org/grpc/codes"

	"litebox.ru/partner/sdk/go/gen/clientv1"
	"litebox.ru/partner/sdk/go/gen/kktv1"
)

// numbered has pages of two, whose tokens are their numbers, up to the last one; then an error, if one is given.
func numbered(last int, err error) *fake {
	return &fake{clients: func(_ context.Context, r *clientv1.ListRequest) (*clientv1.ListResponse, error) {
		page, _ := strconv.Atoi(r.PageToken)
		if err != nil && page == last {
			return nil, err
		}
		reply := &clientv1.ListResponse{Clients: []*clientv1.Client{{Id: strconv.Itoa(2 * page)}, {Id: strconv.Itoa(2*page + 1)}}}
		if page < last {
			reply.NextPageToken = strconv.Itoa(page + 1)
		}
		return reply, nil
	}}
}

func TestListWalksAllPagesAndCanBeWalkedAgain(t *testing.T) {
	partner, _ := connect(t, numbered(2, nil).serve(t), nil)
	for request, wanted := range map[*clientv1.ListRequest][]string{
		nil:              {"0", "1", "2", "3", "4", "5"},
		{PageToken: "1"}: {"2", "3", "4", "5"},
	} {
		all := partner.Clients.List(t.Context(), request)
		for range 2 {
			var ids []string
			for client, err := range all {
				if err != nil || len(ids) > len(wanted) {
					t.Fatalf("got %v after %q", err, ids)
				}
				ids = append(ids, client.Id)
			}
			if !slices.Equal(ids, wanted) {
				t.Errorf("walked over %q, not %q", ids, wanted)
			}
		}
		if request != nil && request.PageToken != "1" {
			t.Error("the request that was handed in was changed")
		}
	}
}

func TestListOfRegistrationsWalksAllPages(t *testing.T) {
	var asked []string
	server := &fake{kkts: func(_ context.Context, r *kktv1.ListRequest) (*kktv1.ListResponse, error) {
		asked = append(asked, r.PageToken)
		next := map[string]string{"": "1", "1": "2"}[r.PageToken]
		return &kktv1.ListResponse{Kkts: []*kktv1.Kkt{{Id: r.PageToken}}, NextPageToken: next}, nil
	}}
	partner, _ := connect(t, server.serve(t), nil)
	var ids []string
	for kkt, err := range partner.Kkts.List(t.Context(), nil) {
		if err != nil || len(ids) > 3 {
			t.Fatalf("got %v after %q", err, ids)
		}
		ids = append(ids, kkt.Id)
	}
	if wanted := []string{"", "1", "2"}; !slices.Equal(ids, wanted) || !slices.Equal(asked, wanted) {
		t.Errorf("walked over %q, asked for %q", ids, asked)
	}
}

func TestListFetchesNoPageThatNobodyWants(t *testing.T) {
	server := numbered(9, nil)
	partner, _ := connect(t, server.serve(t), nil)
	for client := range partner.Clients.List(t.Context(), nil) {
		if client.Id == "3" {
			break
		}
	}
	if calls := len(server.seen("user-agent")); calls != 2 {
		t.Errorf("fetched %d pages", calls)
	}
}

func TestAnErrorIsTheLastThingThatListYields(t *testing.T) {
	partner, _ := connect(t, numbered(1, refusal(codes.PermissionDenied, ErrScopeMissing)).serve(t), nil)
	var ids []string
	var last error
	for client, err := range partner.Clients.List(t.Context(), nil) {
		if last != nil {
			t.Error("something came after the error")
		}
		if last = err; err == nil {
			ids = append(ids, client.Id)
		}
	}
	if !slices.Equal(ids, []string{"0", "1"}) || !errors.Is(last, ErrScopeMissing) {
		t.Errorf("got %q, then %v", ids, last)
	}
}
