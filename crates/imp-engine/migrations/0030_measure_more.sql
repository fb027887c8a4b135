alter table measure add column over_at bigint;
alter table measure add column cause text;
alter table measure add column reopened bigint not null default 0;
alter table measure add column impact_ms bigint;
alter table measure add column declare_ms bigint;
alter table measure add column ask_ms bigint;
alter table measure add column channel_ms bigint;
alter table measure add column command_ms bigint;
alter table measure add column first_update_ms bigint;
alter table measure add column first_public_ms bigint;
alter table measure add column review_ms bigint;
alter table measure add column close_ms bigint;
alter table measure add column updates_due bigint;
alter table measure add column updates_late bigint;
alter table measure add column stays text;
alter table measure add column calls text;
alter table measure add column stamp bigint not null default 0;
create index measure_stamp on measure (stamp);
create index measure_private on measure (ref) where private = 1
