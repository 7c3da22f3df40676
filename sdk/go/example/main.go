// Brings a shop from its tax number to a registered cash register. It can be run again: it goes on with what is there.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	litebox "litebox.ru/partner/sdk/go"
	"litebox.ru/partner/sdk/go/gen/clientv1"
	"litebox.ru/partner/sdk/go/gen/kktv1"
)

func main() {
	ctx := context.Background()
	partner, err := litebox.New(litebox.Options{
		Address: os.Getenv("ADDR"), Token: os.Getenv("TOKEN"),
		Plaintext: true, AllowTokenInPlaintext: true, // the demo listens on loopback, without TLS
	})
	check(err)
	defer partner.Close()

	// Who is the shop?
	taxpayer, err := partner.Clients.LookupTaxpayer(ctx, "7700000070")
	check(err)
	fmt.Println("taxpayer:", taxpayer.Company)

	// A client and its account in LiteBox.
	address := &clientv1.Address{PostalCode: "115035", Region: "г Москва", City: "г Москва", Street: "ул Садовническая", House: "1"}
	client, err := partner.Clients.Register(ctx, &clientv1.RegisterRequest{
		ClientType: clientv1.ClientType_CLIENT_TYPE_LITEBOX, Inn: taxpayer.Inn, Address: address,
		Phone: "911-111-1111", Email: "readme@example.ru", Password: "aB1!_-2026",
	})
	clientID := client.GetClient().GetId()
	if failed, ok := errors.AsType[*litebox.Error](err); ok && failed.Reason == litebox.ErrClientAlreadyRegistered {
		clientID, err = failed.Metadata["client_id"], nil
	}
	check(err)
	fmt.Println("client:", clientID)

	// A cash register for the client. The order is answered at once; the work goes on by itself.
	order, err := partner.Kkts.QuickRegister(ctx, &kktv1.QuickRegisterRequest{
		ClientId: clientID,
		Equipment: &kktv1.Equipment{Kind: &kktv1.Equipment_Sale{Sale: &kktv1.SaleEquipment{
			Model: "АТОЛ 30Ф", Serial: "00106100000002", FnSerial: "9999078902000002", DeviceId: os.Getenv("DEVICE_ID"),
		}}},
		Signer: &kktv1.Signer{
			Capacity: &kktv1.Signer_Head{Head: &kktv1.Head{}}, CertificateId: "cert-1",
			LastName: taxpayer.LastName, FirstName: taxpayer.FirstName, MiddleName: taxpayer.MiddleName,
		},
		Place:                  &kktv1.Place{Name: "Магазин «Ромашка»", Location: &kktv1.Place_Address{Address: address}},
		TaxSystems:             []kktv1.TaxSystem{kktv1.TaxSystem_TAX_SYSTEM_OSN},
		FfdVersion:             kktv1.FfdVersion_FFD_VERSION_1_2,
		Ofd:                    &kktv1.Ofd{Inn: "7709364346", ActivationCode: "FD13MM202611"},
		FiscalizeAutomatically: true,
	})
	kktID := order.GetKkt().GetId()
	if failed, ok := errors.AsType[*litebox.Error](err); ok && failed.Reason == litebox.ErrKktAlreadyRegistered {
		kktID, err = failed.Metadata["kkt_id"], nil
	}
	check(err)

	// Follow it to the card, over lost connections and restarts of the service.
	kkt, err := partner.Kkts.WaitUntilRegistered(ctx, kktID, litebox.WaitOptions{
		OnChange:  func(kkt *kktv1.Kkt) error { fmt.Println("state:", kkt.State, kkt.StatusText); return nil },
		OnBlocked: func(kkt *kktv1.Kkt) error { fmt.Println("blocked:", kkt.Blocked.Advice); return nil },
	})
	check(err)
	fmt.Println("registered:", kkt.Rnm, "card", kkt.Card.Number)
}

// check ends the program: Message is for developers, LocalizedMessage for the people at the shop.
func check(err error) {
	if failed, ok := errors.AsType[*litebox.Error](err); ok {
		log.Fatalln(failed, failed.LocalizedMessage)
	}
	if err != nil {
		log.Fatal(err)
	}
}
