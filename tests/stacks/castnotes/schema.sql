create table episodes (id bigserial primary key, title text, transcript text not null, minutes int not null, headline text, tone text, state text not null default 'new', created_at timestamptz default now());
create table chapters (id bigserial primary key, episode_id bigint not null, title text, minute int);
create table qa_history (id bigserial primary key, episode_id bigint not null, answer text, at timestamptz default now());
create table show_notes (id bigserial primary key, episode_id bigint not null, parts int);
create table research_notes (id bigserial primary key, episode_id bigint not null, text text);
create table publications (id bigserial primary key, episode_id bigint, at timestamptz default now());
create table failed_jobs (id bigserial primary key, job_id text, reason text, at timestamptz default now());
alter sequence episodes_id_seq restart with 48210;
