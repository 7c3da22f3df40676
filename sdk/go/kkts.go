package litebox

import (
	"context"
	"iter"

	"google.golang.org/grpc"

	"litebox.ru/partner/sdk/go/gen/kktv1"
)

// Kkts are registrations of cash registers, from the order to the registration card.
type Kkts struct {
	stub    kktv1.KktServiceClient
	streams kktv1.KktServiceClient
	caller  *caller
}

// QuickRegister orders the registration of a device. It answers at once; the work goes on by itself:
// see [Kkts.WaitUntilRegistered]. With ValidateOnly it orders nothing and answers a preview.
func (k *Kkts) QuickRegister(
	ctx context.Context, request *kktv1.QuickRegisterRequest, options ...grpc.CallOption,
) (*kktv1.QuickRegisterResponse, error) {
	return k.stub.QuickRegister(ctx, withRequestID(request), options...)
}

// Fiscalize has the registration report written into the fiscal drive, or hands in the one that was made by hand. What
// is burnt cannot be undone.
func (k *Kkts) Fiscalize(
	ctx context.Context, request *kktv1.FiscalizeRequest, options ...grpc.CallOption,
) (*kktv1.FiscalizeResponse, error) {
	return k.stub.Fiscalize(ctx, withRequestID(request), options...)
}

// Amend corrects what holds a registration up: the activation code, the device, or a report made by hand.
func (k *Kkts) Amend(
	ctx context.Context, request *kktv1.AmendRequest, options ...grpc.CallOption,
) (*kktv1.AmendResponse, error) {
	return k.stub.Amend(ctx, withRequestID(request), options...)
}

// Cancel gives a registration up before its fiscal drive is burnt.
func (k *Kkts) Cancel(
	ctx context.Context, request *kktv1.CancelRequest, options ...grpc.CallOption,
) (*kktv1.CancelResponse, error) {
	return k.stub.Cancel(ctx, withRequestID(request), options...)
}

// Get shows a registration with its history.
func (k *Kkts) Get(ctx context.Context, kktID string, options ...grpc.CallOption) (*kktv1.Kkt, error) {
	reply, err := k.stub.Get(ctx, &kktv1.GetRequest{KktId: kktID}, options...)
	return reply.GetKkt(), err
}

// List walks over all registrations that fulfil the conditions, page after page, from the request's page on. A page is
// fetched when its first registration is wanted. An error is the last thing it yields; nil as request lists all.
func (k *Kkts) List(
	ctx context.Context, request *kktv1.ListRequest, options ...grpc.CallOption,
) iter.Seq2[*kktv1.Kkt, error] {
	return pages(request, func(request *kktv1.ListRequest, token string) ([]*kktv1.Kkt, string, error) {
		request.PageToken = token
		page, err := k.ListPage(ctx, request, options...)
		return page.GetKkts(), page.GetNextPageToken(), err
	})
}

// ListPage fetches one page.
func (k *Kkts) ListPage(
	ctx context.Context, request *kktv1.ListRequest, options ...grpc.CallOption,
) (*kktv1.ListResponse, error) {
	return k.stub.List(ctx, request, options...)
}
