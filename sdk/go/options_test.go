package litebox

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

func TestNewTellsWhatIsWrongWithOptions(t *testing.T) {
	for text, options := range map[string]Options{
		`not of the form "host:port"`:   {Address: "partner.example.ru"},
		"both a token and":              {Address: "a:1", Token: "t", TokenFile: "f"},
		"contains white space":          {Address: "a:1", Token: "t t"},
		"token is empty or":             {Address: "a:1", Token: " \n"},
		"token file cannot be read":     {Address: "a:1", TokenFile: "/nowhere"},
		"holds no token":                {Address: "a:1", TokenFile: tokenFile(t, " \n")},
		"AllowTokenInPlaintext":         {Address: "a:1", Token: "t", Plaintext: true},
		"set up and switched off":       {Address: "a:1", Plaintext: true, TLS: TLS{ServerName: "s"}},
		"authorities cannot be read":    {Address: "a:1", TLS: TLS{CAFile: "/nowhere"}},
		"holds no certificate":          {Address: "a:1", TLS: TLS{CAFile: tokenFile(t, "none")}},
		"its key are needed together":   {Address: "a:1", TLS: TLS{CertFile: "/nowhere"}},
		"certificate cannot be used":    {Address: "a:1", TLS: TLS{CertFile: "/nowhere", KeyFile: "/nowhere"}},
		"the timeout -1s is negative":   {Address: "a:1", Timeout: -time.Second},
		"litebox: address \":\" is not": {Address: ":"},
	} {
		partner, err := New(options)
		if err == nil || !strings.Contains(err.Error(), text) || partner != nil {
			t.Errorf("%v: got %v, not %q", options, err, text)
		}
	}
}

func TestATokenInPlainTextIsRefusedUnlessAllowed(t *testing.T) {
	options := Options{Address: "a:1", TokenFile: tokenFile(t, "t"), Plaintext: true}
	if _, err := New(options); !errors.Is(err, ErrTokenInPlaintext) {
		t.Errorf("got %v", err)
	}
	options.AllowTokenInPlaintext = true
	partner, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	_ = partner.Close()
}

func TestOptionsDoNotPrintTheToken(t *testing.T) {
	options := Options{Address: "a:1", Token: "lbp_secret"}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, options); strings.Contains(text, "lbp_secret") || !strings.Contains(text, "a:1") {
			t.Errorf("%s: %s", format, text)
		}
	}
}

// certificate writes a certificate for a name, signed by itself, and its key.
func certificate(t *testing.T, name string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	bytes, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	write(t, certFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})))
	write(t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: bytes})))
	return certFile, keyFile
}

// secured serves with TLS and wants a certificate of its peer.
func secured(t *testing.T, server *fake, certFile, keyFile, peerFile string) string {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	peers := &tls.Config{}
	if err := (TLS{CAFile: peerFile}).authorities(peers); err != nil {
		t.Fatal(err)
	}
	return server.serve(t, grpc.Creds(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: peers.RootCAs,
	})))
}

func TestTLSOfBothSides(t *testing.T) {
	certFile, keyFile := certificate(t, "partner.example.ru")
	ownFile, ownKey := certificate(t, "shop.example.ru")
	server := letting("t")
	_, port, _ := net.SplitHostPort(secured(t, server, certFile, keyFile, ownFile))
	good := TLS{CAFile: certFile, CertFile: ownFile, KeyFile: ownKey, ServerName: "partner.example.ru"}
	other := good
	other.ServerName = "other.example.ru"
	system := good
	system.CAFile = ""
	for name, c := range map[string]struct {
		tls  TLS
		code codes.Code
	}{
		"good": {good, codes.OK}, "another name": {other, codes.Unavailable}, "the system's authorities": {system, codes.Unavailable},
	} {
		partner, _ := connect(t, "127.0.0.1:"+port, func(o *Options) { o.Plaintext, o.Token, o.TLS = false, "t", c.tls })
		if _, err := partner.Kkts.Get(t.Context(), "k"); status.Code(err) != c.code {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestACertificateIsReadAnewForEachConnection(t *testing.T) {
	certFile, keyFile := certificate(t, "partner.example.ru")
	options := TLS{CertFile: certFile, KeyFile: keyFile}
	config := &tls.Config{}
	if err := options.certificate(config); err != nil {
		t.Fatal(err)
	}
	newer, newerKey := certificate(t, "partner.example.ru")
	for from, to := range map[string]string{newer: certFile, newerKey: keyFile} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	wanted, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil || config.GetClientCertificate == nil {
		t.Fatalf("%v, or the certificate is read once", err)
	}
	shown, err := config.GetClientCertificate(nil)
	if err != nil || !slices.EqualFunc(shown.Certificate, wanted.Certificate, bytes.Equal) {
		t.Errorf("shows another than the file has now: %v", err)
	}
}
