create table contracts (id bigserial primary key, title text not null, body text not null, value int, state text not null default 'new', created_at timestamptz default now());
create table clauses (id bigserial primary key, contract_id bigint not null, kind text, risk text);
create table answers (id bigserial primary key, contract_id bigint not null, model text, clause text);
create table summaries (id bigserial primary key, contract_id bigint not null, chunks int);
create table reviews (id bigserial primary key, contract_id bigint not null, verdict text);
create table notifications (id bigserial primary key, contract_id bigint, sent_at timestamptz default now());
create table job_runs (job_id text primary key, kind text, attempts int not null default 1, state text not null default 'running', updated_at timestamptz default now());
create table dead_jobs (id bigserial primary key, job_id text, reason text, at timestamptz default now());
alter sequence contracts_id_seq restart with 70410;
