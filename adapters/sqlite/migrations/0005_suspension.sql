ALTER TABLE tenants ADD COLUMN suspended_at INTEGER;
