package litebox

import (
	"context"
	"crypto/tls"
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"litebox.ru/partner/sdk/go/gen/kktv1"
)

// upTo speaks TLS from 1.0 to the newest version given, and tells what versions each connection has offered.
func upTo(t *testing.T, newest uint16, certFile, keyFile string) (server credentials.TransportCredentials, offered chan []uint16) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	offered = make(chan []uint16, 10) // a call makes no more connections than attempts
	return credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS10, MaxVersion: newest,
		// gRPC leaves out the ciphers of TLS 1.1, so that without them it would be refused whatever the client offers.
		CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			offered <- hello.SupportedVersions
			return nil, nil
		},
	}), offered
}

func TestTLSIsOfVersion12AtLeast(t *testing.T) {
	certFile, keyFile := certificate(t, "partner.example.ru")
	for newest, wanted := range map[uint16]codes.Code{
		tls.VersionTLS11: codes.Unavailable, tls.VersionTLS12: codes.OK, tls.VersionTLS13: codes.OK,
	} {
		server := &fake{get: func(context.Context, *kktv1.GetRequest) (*kktv1.GetResponse, error) { return &kktv1.GetResponse{}, nil }}
		transport, offered := upTo(t, newest, certFile, keyFile)
		partner, _ := connect(t, server.serve(t, grpc.Creds(transport)), func(o *Options) {
			o.Plaintext, o.TLS = false, TLS{CAFile: certFile, ServerName: "partner.example.ru"}
		})
		if _, err := partner.Kkts.Get(t.Context(), "k"); status.Code(err) != wanted {
			t.Errorf("%s: got %v, not %s", tls.VersionName(newest), err, wanted)
		}
		if oldest := slices.Min(<-offered); oldest < tls.VersionTLS12 {
			t.Errorf("%s: the client offers %s", tls.VersionName(newest), tls.VersionName(oldest))
		}
	}
}
