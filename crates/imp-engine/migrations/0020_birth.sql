create table birth (
  id text primary key,
  wish text unique,
  service text not null,
  template text not null,
  phase text not null,
  by_whom text not null,
  begun_at bigint not null,
  changed_at bigint not null,
  run text not null,
  files text not null,
  holder text not null,
  held_until bigint not null
);
create index birth_begun on birth (begun_at)
