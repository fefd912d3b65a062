create table contracts(id int generated always as identity (start 8201) primary key, title text, body text, status text, summary text, created timestamptz default now());
create table reviews(id int generated always as identity primary key, contract_id int, risk int, summary text);
create table clauses(id int generated always as identity primary key, contract_id int, text text);
create table answers(id int generated always as identity (start 500) primary key, question text, answer text);
create table exports(id int generated always as identity (start 310) primary key, contract_id int, format text, status text, job int);
create table deliveries(id int generated always as identity primary key, kind text, target text);
