alter table effect add column behind bigint not null default 0;
update effect set behind = 1 where state = 'pending' and exists
  (select 1 from effect b where b.ref = effect.ref and b.lane = effect.lane and b.id < effect.id and b.state in ('pending', 'running'));
create index effect_ready on effect (capability, rank, due_at, id) where state = 'pending' and behind = 0;
create index effect_troubled on effect (capability, due_at) where state = 'pending' and held = 0 and fault is not null;
drop index effect_claim;
drop index effect_due;
create index effect_next on effect (state, due_at) where state = 'pending'
