create table candidates (id serial primary key, name text, email text, cv text, status text, profile text, task_id text);
create table notes (id serial primary key, candidate_id int, body text);
create table shortlists (id serial primary key, vacancy text, skills text, status text, result text, task_id text);
create table screens (id serial primary key, candidate_id int, score float);
create table embeddings (candidate_id int primary key, v float[]);
create table dead_tasks (id serial primary key, task_id text, name text, args text, error text, at timestamptz default now());
select setval('candidates_id_seq', 4180), setval('shortlists_id_seq', 611);
