-- One of everything that models.py must say.
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE EXTENSION IF NOT EXISTS citext;
CREATE TABLE tenants (
  id uuid CONSTRAINT pk_tenants PRIMARY KEY DEFAULT gen_random_uuid(),
  uuid uuid NOT NULL, date date NOT NULL, text text NOT NULL DEFAULT 'it''s: a :colon',
  datetime timestamp NOT NULL, metadata jsonb NOT NULL DEFAULT '{"a": 1}'
);
COMMENT ON TABLE tenants IS 'Who pays; "quoted", \ backslash and ''apostrophe''';
COMMENT ON COLUMN tenants.text IS E'two\nlines with """ and a \\ at the end \\';
CREATE TABLE users (
  tenant_id uuid NOT NULL CONSTRAINT fk_users_tenant_id REFERENCES tenants ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_users PRIMARY KEY,
  email citext NOT NULL, first_name varchar(40) NOT NULL, last_name varchar(40) NOT NULL,
  full_name text GENERATED ALWAYS AS ((first_name)::text || ' '::text || (last_name)::text) STORED,
  manager_id bigint CONSTRAINT fk_users_manager_id REFERENCES users ON DELETE SET NULL,
  home_team_id bigint,
  CONSTRAINT uq_users_tenant_id_id UNIQUE (tenant_id, id),
  CONSTRAINT uq_users_email UNIQUE NULLS NOT DISTINCT (tenant_id, email),
  CONSTRAINT ck_users_email CHECK (email LIKE '%@%' AND first_name <> ')' AND last_name <> '::x')
);
CREATE TABLE teams (
  tenant_id uuid NOT NULL CONSTRAINT fk_teams_tenant_id REFERENCES tenants,
  id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_teams PRIMARY KEY,
  lead_id bigint NOT NULL,
  CONSTRAINT uq_teams_tenant_id_id UNIQUE (tenant_id, id),
  CONSTRAINT fk_teams_lead_id FOREIGN KEY (tenant_id, lead_id) REFERENCES users (tenant_id, id)
    DEFERRABLE INITIALLY DEFERRED
);
ALTER TABLE users ADD CONSTRAINT fk_users_home_team_id FOREIGN KEY (tenant_id, home_team_id)
  REFERENCES teams (tenant_id, id);
CREATE TABLE "order" (
  id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_order PRIMARY KEY,
  "class" text NOT NULL, "select" boolean NOT NULL DEFAULT true, "two words" int,
  buyer_id bigint NOT NULL CONSTRAINT fk_order_buyer_id REFERENCES users,
  seller_id bigint NOT NULL CONSTRAINT fk_order_seller_id REFERENCES users,
  total numeric(12,2) NOT NULL DEFAULT 0, price numeric, ratio double precision, small smallint,
  rate real, tags text[] NOT NULL DEFAULT '{}', code char(3), raw bytea, ip inet, net cidr,
  placed_at timestamptz NOT NULL DEFAULT now(), lasts interval, at time, period tstzrange,
  amounts numrange, search tsvector, body json,
  CONSTRAINT ck_order_total CHECK (total >= 0)
);
CREATE INDEX ix_order_lower ON "order" (lower("class"), placed_at DESC NULLS LAST);
CREATE INDEX ix_order_open ON "order" (buyer_id) INCLUDE (total) WHERE "select" AND "class" <> ',)';
CREATE UNIQUE INDEX uq_order_code ON "order" (code) WHERE code IS NOT NULL;
CREATE INDEX ix_order_search ON "order" USING gin (search);
CREATE INDEX ix_order_class_pattern ON "order" ("class" text_pattern_ops);
CREATE TABLE bookings (
  id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_bookings PRIMARY KEY,
  court_id bigint NOT NULL, starts_at timestamptz NOT NULL, ends_at timestamptz NOT NULL,
  status text NOT NULL,
  CONSTRAINT ex_bookings EXCLUDE USING gist
    (court_id WITH =, tstzrange(starts_at, ends_at) WITH &&) WHERE (status <> 'cancelled')
);
CREATE TABLE profiles (
  user_id bigint CONSTRAINT pk_profiles PRIMARY KEY
    CONSTRAINT fk_profiles_user_id REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE,
  biography text
);
CREATE TABLE order_tags (
  order_id bigint NOT NULL CONSTRAINT fk_order_tags_order_id REFERENCES "order",
  tag text NOT NULL, CONSTRAINT pk_order_tags PRIMARY KEY (order_id, tag)
);
