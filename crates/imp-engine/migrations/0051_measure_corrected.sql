alter table measure add column corrected bigint not null default 0
