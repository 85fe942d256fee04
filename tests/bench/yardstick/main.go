// What a webhook server in Go does at the very least, to measure ours against in the same run (hack/bench.sh yardstick): net/http,
// crypto/tls and encoding/json, each object decoded into a map and, in a conversion, encoded again with another apiVersion.
// Nothing is validated and no field is converted.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"time"
)

// review is an AdmissionReview or a ConversionReview; objects are decoded in a second step, as every framework does.
type review struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Request    *struct {
		UID               string            `json:"uid"`
		Object            json.RawMessage   `json:"object"`
		DesiredAPIVersion string            `json:"desiredAPIVersion"`
		Objects           []json.RawMessage `json:"objects"`
	} `json:"request,omitempty"`
	Response map[string]any `json:"response,omitempty"`
}

func validate(r *review) error {
	var object map[string]any
	if err := json.Unmarshal(r.Request.Object, &object); err != nil {
		return err
	}
	r.Response = map[string]any{"uid": r.Request.UID, "allowed": object["kind"] == "RoleBasedGroup"}
	return nil
}

func convert(r *review) error {
	converted := make([]json.RawMessage, len(r.Request.Objects))
	for i, text := range r.Request.Objects {
		var object map[string]any
		if err := json.Unmarshal(text, &object); err != nil {
			return err
		}
		object["apiVersion"] = r.Request.DesiredAPIVersion
		var err error
		if converted[i], err = json.Marshal(object); err != nil {
			return err
		}
	}
	r.Response = map[string]any{"uid": r.Request.UID, "convertedObjects": converted,
		"result": map[string]any{"status": "Success"}}
	return nil
}

func handle(answer func(*review) error) http.HandlerFunc {
	return func(w http.ResponseWriter, q *http.Request) {
		var r review
		if err := json.NewDecoder(q.Body).Decode(&r); err != nil || r.Request == nil {
			http.Error(w, "no review", http.StatusBadRequest)
			return
		}
		if err := answer(&r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.Request = nil
		text, err := json.Marshal(&r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", fmt.Sprint(len(text)))
		w.Write(text)
	}
}

// certificate makes one for localhost that signs itself, and writes it to a file for the client.
func certificate(file string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	err = os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: yardstick CA-FILE; prints the address it serves at")
	}
	cert, err := certificate(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("https://%s\n", l.Addr())
	http.Handle("/validate-workloads-x-k8s-io-v1alpha2-rolebasedgroup", handle(validate))
	http.Handle("/convert", handle(convert))
	s := &http.Server{TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}},
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}} // HTTP/1.1, as the load speaks
	log.Fatal(s.ServeTLS(l, "", ""))
}
