create table claims (id bigserial primary key, policy text, body text not null, amount int, category text, severity text, state text not null default 'open', created_at timestamptz default now());
create table claim_items (id bigserial primary key, claim_id bigint not null, kind text, cost int);
create table answers (id bigserial primary key, claim_id bigint not null, model text, answer text);
create table letters (id bigserial primary key, claim_id bigint not null, chunks int);
create table findings (id bigserial primary key, claim_id bigint not null, summary text, created_at timestamptz default now());
create table notifications (id bigserial primary key, claim_id bigint, sent_at timestamptz default now());
create table jobs (id uuid primary key, kind text not null, status text not null default 'queued', runs int not null default 0, updated_at timestamptz default now());
create table dead_letters (id bigserial primary key, job_id uuid, reason text, at timestamptz default now());
alter sequence claims_id_seq restart with 560210;
