package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	litebox "litebox.ru/partner/sdk/go"
)

// runner runs the steps of one case.
type runner struct {
	control  control
	vars     vars
	partners map[string]*litebox.Partner
	opened   []*litebox.Partner
}

func (r *runner) close() {
	for _, partner := range r.opened {
		_ = partner.Close()
	}
}

// open opens a partner with the options of the default one, as the variables are now, and others on top.
func (r *runner) open(name string, changes object) error {
	values := object{
		"address": r.vars["address"], "token": r.vars["token"], "plaintext": true, "allow_token_in_plaintext": true,
	}
	maps.Copy(values, changes)
	options, err := readOptions(values)
	if err != nil {
		return err
	}
	partner, err := litebox.New(options)
	if err != nil {
		return err
	}
	if r.partners == nil {
		r.partners = map[string]*litebox.Partner{}
	}
	r.partners[name] = partner
	r.opened = append(r.opened, partner)
	return nil
}

func readOptions(values object) (litebox.Options, error) {
	var v struct {
		Address    string `json:"address"`
		Token      string `json:"token"`
		TokenFile  string `json:"token_file"`
		PartnerID  string `json:"partner_id"`
		Plaintext  bool   `json:"plaintext"`
		AllowToken bool   `json:"allow_token_in_plaintext"`
		Timeout    int64  `json:"timeout_ms"`
		Silence    int64  `json:"watch_silence_ms"`
		TLS        struct {
			CAFile     string `json:"ca_file"`
			CertFile   string `json:"cert_file"`
			KeyFile    string `json:"key_file"`
			ServerName string `json:"server_name"`
		} `json:"tls"`
	}
	text, err := json.Marshal(values)
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	return litebox.Options{
		Address: v.Address, Token: v.Token, TokenFile: v.TokenFile, PartnerID: v.PartnerID, Plaintext: v.Plaintext,
		AllowTokenInPlaintext: v.AllowToken, Timeout: time.Duration(v.Timeout) * time.Millisecond, TLS: litebox.TLS(v.TLS),
		WatchSilence: time.Duration(v.Silence) * time.Millisecond,
	}, err
}

func (r *runner) opening(step object) error {
	options, _ := step["options"].(object)
	err := r.open(step["open"].(string), options)
	word, wanted := at(step, "expect.error.mentions").(string)
	if !wanted {
		return err
	}
	plain := func(text string) string { return strings.ToLower(strings.ReplaceAll(text, "_", "")) }
	if err == nil || !strings.Contains(plain(err.Error()), plain(word)) {
		return fmt.Errorf("opened with %v, which does not mention %s", err, word)
	}
	return nil
}

// partner is the one that a step names in its options.
func (r *runner) partner(step object) (*litebox.Partner, error) {
	name, ok := at(step, "options.partner").(string)
	if !ok {
		name = "default"
	}
	if partner := r.partners[name]; partner != nil {
		return partner, nil
	}
	return nil, fmt.Errorf("there is no partner %q", name)
}
