alter table effect add column holder text;
alter table effect add column lease_until bigint not null default 0;
alter table effect add column fence bigint not null default 0;
create index effect_running on effect (lease_until) where state = 'running';

create table hand (
  ref bigint not null,
  capability text not null,
  who text not null,
  primary key (ref, capability)
)
