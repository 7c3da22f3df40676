package litebox_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"testing"

	litebox "litebox.ru/partner/sdk/go"
	"litebox.ru/partner/sdk/go/gen/clientv1"
	"litebox.ru/partner/sdk/go/gen/kktv1"
)

func TestTheReadmeShowsTheExample(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile("example/main.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "```go\n"+string(program)+"```\n") {
		t.Error("README.md and example/main.go differ")
	}
}

// A token is not sent over a connection without TLS by mistake.
func ExampleNew() {
	_, err := litebox.New(litebox.Options{Address: "localhost:50051", Token: "lbp_test_…", Plaintext: true})
	fmt.Println(errors.Is(err, litebox.ErrTokenInPlaintext))
	// Output: true
}

func ExampleClients_Register() {
	partner, err := litebox.New(litebox.Options{Address: "partner.example.ru:443", TokenFile: "/run/secrets/litebox/token"})
	if err != nil {
		log.Fatal(err)
	}
	defer partner.Close()
	reply, err := partner.Clients.Register(context.Background(), &clientv1.RegisterRequest{Inn: "7707083893"})
	failed, _ := errors.AsType[*litebox.Error](err)
	switch {
	case errors.Is(err, litebox.ErrClientAlreadyRegistered):
		fmt.Println("go on with", failed.Metadata["client_id"])
	case errors.Is(err, litebox.ErrValidationFailed):
		for _, wrong := range failed.FieldViolations {
			fmt.Println(wrong.Field, wrong.Description)
		}
	case err == nil:
		fmt.Println(reply.Client.Id)
	}
}

func ExampleKkts_Watch() {
	var partner *litebox.Partner // of litebox.New
	watch := partner.Kkts.Watch(litebox.WatchOptions{ResumeToken: "of the last time"})
	for kkt, err := range watch.Changes(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(kkt.Id, kkt.State, kkt.Revision, watch.ResumeToken())
	}
}

func ExampleKkts_WaitUntilRegistered() {
	var partner *litebox.Partner // of litebox.New
	kkt, err := partner.Kkts.WaitUntilRegistered(context.Background(), "6d1f0c52-8a7e-8b3d-9c41-0e5a7b2f6d18", litebox.WaitOptions{
		OnBlocked: func(kkt *kktv1.Kkt) error { fmt.Println(kkt.Blocked.Advice); return nil },
	})
	if errors.Is(err, litebox.ErrRejected) {
		fmt.Println("FNS refused:", kkt.Rejection.Advice)
	}
}

func ExampleKkts_WaitUntilRegistered_blocked() {
	var partner *litebox.Partner // of litebox.New
	ctx, errAskSupport := context.Background(), errors.New("somebody has to look at it")
	_, err := partner.Kkts.WaitUntilRegistered(ctx, "6d1f0c52-8a7e-8b3d-9c41-0e5a7b2f6d18", litebox.WaitOptions{
		OnBlocked: func(kkt *kktv1.Kkt) error {
			switch kkt.Blocked.Reason {
			case "OFD_CODE_EXPIRED": // another code, and it goes on
				change := &kktv1.AmendRequest_ActivationCode{ActivationCode: "FD13MM202612"}
				_, err := partner.Kkts.Amend(ctx, &kktv1.AmendRequest{KktId: kkt.Id, Change: change})
				return err
			case "DEVICE_NO_PAPER": // goes on by itself, once somebody has put paper in
				fmt.Println(kkt.Blocked.Advice)
				return nil
			}
			return errAskSupport // wait no longer
		},
	})
	if errors.Is(err, errAskSupport) {
		fmt.Println(err)
	}
}

func ExampleClients_ListPage() {
	var partner *litebox.Partner // of litebox.New
	page, err := partner.Clients.ListPage(context.Background(), &clientv1.ListRequest{PageSize: 50})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(page.Clients), page.NextPageToken) // "" after the last page
}
