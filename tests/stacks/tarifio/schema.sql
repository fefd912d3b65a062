create table shipments (id bigserial primary key, reference text, description text not null, value_eur int, category text, risk text, state text not null default 'draft', created_at timestamptz default now());
create table hs_lines (id bigserial primary key, shipment_id bigint not null, hs_code text, duty_pct int);
create table question_audit (id bigserial primary key, shipment_id bigint not null, model text, answer text);
create table cover_notes (id bigserial primary key, shipment_id bigint not null, parts int);
create table screenings (id bigserial primary key, shipment_id bigint not null, summary text, created_at timestamptz default now());
create table filings (id bigserial primary key, shipment_id bigint, filed_at timestamptz default now());
create table processed_jobs (job_id bigint, at timestamptz default now());
create table dead_jobs (id bigserial primary key, job_id bigint, reason text, at timestamptz default now());
create table queue_jobs (id bigserial primary key, kind text not null, payload jsonb not null, state text not null default 'queued', attempts int not null default 0,
  run_at timestamptz not null default now(), created_at timestamptz not null default now(), locked_by text, locked_until timestamptz);
create index on queue_jobs (run_at) where state in ('queued', 'running');
alter sequence shipments_id_seq restart with 71530;
alter sequence queue_jobs_id_seq restart with 904411;
