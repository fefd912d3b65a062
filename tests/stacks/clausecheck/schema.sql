create table contracts (id bigserial primary key, title text, counterparty text, body text not null, notify boolean not null default false, status text not null default 'new', tags text[], created_at timestamptz default now());
create table obligations (id bigserial primary key, contract_id bigint not null, party text, duty text, due text);
create table chunks (id bigserial primary key, contract_id bigint not null, n int, embedding real[]);
create table reviews (id bigserial primary key, contract_id bigint not null, playbook text, status text not null default 'queued', verdict text, findings int);
create table answers (id bigserial primary key, contract_id bigint not null, model text, confidence text);
create table jobs (id text primary key, kind text not null, status text not null default 'queued', request_id text, updated_at timestamptz default now());
create table failed_jobs (id bigserial primary key, job_id text, kind text, reason text, at timestamptz default now());
create table digests (id bigserial primary key, contract_id bigint not null, sent_at timestamptz default now());
alter sequence contracts_id_seq restart with 70211; alter sequence reviews_id_seq restart with 3310;
