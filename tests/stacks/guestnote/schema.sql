create table reviews (id bigserial primary key, property text, body text not null, rating int, sentiment text, urgency text, status text not null default 'new', created_at timestamptz default now());
create table topics (id bigserial primary key, review_id bigint not null, topic text);
create table replies (id bigserial primary key, review_id bigint not null, model text, tone text);
create table insights (id bigserial primary key, property text, summary text, created_at timestamptz default now());
create table alerts (id bigserial primary key, review_id bigint, sent_at timestamptz default now());
create table jobs (job_no bigserial primary key, kind text not null, status text not null default 'queued', attempts int not null default 0, updated_at timestamptz default now());
create table dead_jobs (id bigserial primary key, job_no bigint, reason text, at timestamptz default now());
alter sequence reviews_id_seq restart with 41870; alter sequence jobs_job_no_seq restart with 902315;
