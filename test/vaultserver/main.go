// Command vaultserver is a HashiCorp Vault for tests, where neither its image
// nor its program is to be had: Vault's core and HTTP API with the transit
// secrets engine and the AppRole and Kubernetes auth methods, on the loopback.
// It starts sealed, and uninitialised when its storage is new, as Vault does.
//
// It is a module of its own, so that nothing of Vault gets into the product's.
// Vault is under the Business Source License 1.1, which allows its use for
// tests. Nothing built from this module is distributed.
package main

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	kubernetes "github.com/hashicorp/vault-plugin-auth-kubernetes"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/builtin/logical/transit"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/file"
	"github.com/hashicorp/vault/vault"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8200", "`address` to serve on")
	storage := flag.String("storage", "", "`directory` that keeps everything, made when it is missing")
	cert := flag.String("tls-cert", "", "`file` with a certificate, to serve by TLS")
	key := flag.String("tls-key", "", "`file` with its key")
	flag.Parse()
	if *storage == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := serve(*listen, *storage, *cert, *key); err != nil {
		fmt.Fprintln(os.Stderr, "vaultserver:", err)
		os.Exit(1)
	}
}

// serve runs until the listener fails or a signal comes.
func serve(listen, storage, cert, key string) error {
	log := hclog.New(&hclog.LoggerOptions{Level: hclog.Info, Output: os.Stderr})
	core, err := newCore(storage, log)
	if err != nil {
		return err
	}
	listener, err := listenOn(listen, cert, key)
	if err != nil {
		return err
	}
	server := &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		Handler: vaulthttp.Handler.Handler(&vault.HandlerProperties{
			Core:           core,
			ListenerConfig: &configutil.Listener{Address: listen},
		}),
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	go func() {
		<-stop
		_ = server.Close()
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return core.ShutdownWait()
}

func listenOn(address, cert, key string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil || cert == "" {
		return listener, err
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	return tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}), nil
}

func newCore(storage string, log hclog.Logger) (*vault.Core, error) {
	if err := os.MkdirAll(storage, 0o700); err != nil {
		return nil, err
	}
	physical, err := file.NewFileBackend(map[string]string{"path": storage}, log)
	if err != nil {
		return nil, err
	}
	return vault.NewCore(&vault.CoreConfig{
		Physical:           physical,
		StorageType:        "file",
		Logger:             log,
		DisableMlock:       true,
		LogicalBackends:    map[string]logical.Factory{"transit": transit.Factory},
		CredentialBackends: map[string]logical.Factory{"approle": approle.Factory, "kubernetes": kubernetes.Factory},
		BuiltinRegistry:    registry{},
	})
}

// registry tells Vault which of its plugins are built in; it fails without one.
type registry struct{}

var builtin = map[consts.PluginType][]string{
	consts.PluginTypeSecrets:    {"transit"},
	consts.PluginTypeCredential: {"approle", "kubernetes"},
}

func (registry) Contains(name string, kind consts.PluginType) bool {
	for _, known := range builtin[kind] {
		if known == name {
			return true
		}
	}
	return false
}

// Get has none to give: the core has their factories.
func (registry) Get(string, consts.PluginType) (func() (any, error), bool) { return nil, false }

func (registry) Keys(kind consts.PluginType) []string { return builtin[kind] }

func (registry) DeprecationStatus(name string, kind consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, registry{}.Contains(name, kind)
}

func (registry) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }
