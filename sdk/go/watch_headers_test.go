package litebox

import (
	"testing"

	"google.golang.org/grpc"

	"litebox.ru/partner/sdk/go/gen/kktv1"
)

func TestAWatchSaysWhoCalls(t *testing.T) {
	server := &fake{watch: func(_ *kktv1.WatchRequest, stream grpc.ServerStreamingServer[kktv1.WatchResponse]) error {
		return stream.Send(&kktv1.WatchResponse{Event: &kktv1.WatchResponse_Kkt{Kkt: &kktv1.Kkt{Id: "k"}}})
	}}
	partner, _ := connect(t, server.serve(t), func(o *Options) {
		o.PartnerID, o.Token, o.AllowTokenInPlaintext = "p-1", "secret", true
	})
	for _, err := range partner.Kkts.Watch(WatchOptions{}).Changes(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	for name, wanted := range map[string]string{"authorization": "Bearer secret", "x-litebox-partner-id": "p-1"} {
		if got := server.seen(name); len(got) == 0 || got[0] != wanted {
			t.Errorf("%s is %q, not %q", name, got, wanted)
		}
	}
}
