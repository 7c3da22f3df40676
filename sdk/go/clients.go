package litebox

import (
	"context"
	"iter"

	"google.golang.org/grpc"

	"litebox.ru/partner/sdk/go/gen/clientv1"
)

// Clients are the partner's shops and their administrator accounts in LiteBox.
type Clients struct {
	stub clientv1.ClientServiceClient
}

// LookupTaxpayer tells what the state register has under a tax number (INN). It creates nothing.
func (c *Clients) LookupTaxpayer(ctx context.Context, inn string, options ...grpc.CallOption) (*clientv1.Taxpayer, error) {
	reply, err := c.stub.LookupTaxpayer(ctx, &clientv1.LookupTaxpayerRequest{Inn: inn}, options...)
	return reply.GetTaxpayer(), err
}

// Register creates a client and the account of its administrator.
func (c *Clients) Register(
	ctx context.Context, request *clientv1.RegisterRequest, options ...grpc.CallOption,
) (*clientv1.RegisterResponse, error) {
	return c.stub.Register(ctx, withRequestID(request), options...)
}

// Get shows the card of a client.
func (c *Clients) Get(ctx context.Context, clientID string, options ...grpc.CallOption) (*clientv1.Client, error) {
	reply, err := c.stub.Get(ctx, &clientv1.GetRequest{ClientId: clientID}, options...)
	return reply.GetClient(), err
}

// List walks over all clients that fulfil the conditions, page after page, from the request's page on. A page is fetched
// when its first client is wanted. An error is the last thing it yields; nil as request lists all.
func (c *Clients) List(
	ctx context.Context, request *clientv1.ListRequest, options ...grpc.CallOption,
) iter.Seq2[*clientv1.Client, error] {
	return pages(request, func(request *clientv1.ListRequest, token string) ([]*clientv1.Client, string, error) {
		request.PageToken = token
		page, err := c.ListPage(ctx, request, options...)
		return page.GetClients(), page.GetNextPageToken(), err
	})
}

// ListPage fetches one page.
func (c *Clients) ListPage(
	ctx context.Context, request *clientv1.ListRequest, options ...grpc.CallOption,
) (*clientv1.ListResponse, error) {
	return c.stub.List(ctx, request, options...)
}
