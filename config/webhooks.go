package config

import "net/netip"

// Webhooks says where tenants' URLs may lead.
type Webhooks struct {
	AllowNetworks []netip.Prefix // although they are not public
	AllowHTTP     bool           // plain HTTP into AllowNetworks
	CAFile        string         // "" for none beside the system's authorities
	MaxPending    int64          // deliveries of a tenant
}

func (c *Config) webhookKeys() []Key {
	return []Key{
		{"webhooks.allow_networks", "",
			"Networks that tenants' webhooks may lead to although they are private or otherwise special, such as 10.1.0.0/16. " +
				"None: the public internet alone.",
			networks(&c.Webhooks.AllowNetworks)},
		{"webhooks.allow_http", "false",
			"Let webhooks be plain http:// into `webhooks.allow_networks`.",
			boolean(&c.Webhooks.AllowHTTP)},
		{"webhooks.ca_file", "",
			"PEM file of authorities that may have signed receivers' certificates, beside the system's.",
			path(&c.Webhooks.CAFile, true)},
		{"webhooks.max_pending", "100000",
			"Deliveries of one tenant that may wait for its receiver; past it, those of further events fail at once and are in the audit log alone. " +
				"A receiver that is down for a day fills it at a bit more than one event a second.",
			number(&c.Webhooks.MaxPending, 100, 1_000_000_000)},
	}
}
