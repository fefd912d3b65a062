create sequence claim_no start 412;
create table claims (id text primary key, policy text, line text, amount int, state text default 'open', created timestamptz default now());
create table assessments (id bigserial primary key, claim_id text, severity int, reserve int);
create table letters (id text primary key, claim_id text);
create table notifications (id bigserial primary key, claim_id text, message_id text);
create table dead_letters (id bigserial primary key, claim_id text, reason text);
create table answers (id text primary key, claim_id text, body text);
insert into claims (id, policy, line, amount, state) select 'CLM-2025-' || lpad(n::text, 5, '0'), 'P-' || (3000 + n % 17), (array['home','motor','travel'])[1 + n % 3], 300 + 211 * n, case when n % 11 = 0 then 'closed' else 'open' end from generate_series(1, 40) n;
