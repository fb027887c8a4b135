create index effect_claim on effect (capability, rank, due_at) where state = 'pending';
alter table effect add column failures bigint not null default 0;
