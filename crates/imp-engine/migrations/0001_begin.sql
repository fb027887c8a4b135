create table journal (
  seq {serial},
  ref bigint not null,
  n bigint not null,
  at bigint not null,
  fact text not null
);
create unique index journal_place on journal (ref, n);

create table incident (
  ref bigint primary key,
  status text not null,
  category text not null,
  severity text not null,
  service text,
  team text,
  private bigint not null,
  title text not null,
  opened_at bigint not null,
  changed_at bigint not null,
  ticket text,
  channel text,
  state text not null
);
create index incident_open on incident (category, ref);
create index incident_triage on incident (service, opened_at) where category = 'triage';
create index incident_ticket on incident (ticket) where ticket is not null;
create index incident_channel on incident (channel) where channel is not null;

create table effect (
  id {serial},
  ref bigint not null,
  key text not null,
  lane text not null,
  capability text not null,
  rank bigint not null,
  state text not null,
  due_at bigint not null,
  held bigint not null,
  made_at bigint not null,
  done_at bigint,
  tried bigint not null,
  fault text,
  fault_at bigint,
  what text not null
);
create unique index effect_waiting on effect (ref, key) where state = 'pending';
create index effect_key on effect (ref, key);
create index effect_lane on effect (ref, lane, id) where state in ('pending', 'running');
create index effect_due on effect (due_at) where state = 'pending';
create index effect_state on effect (state, id);

create table alert_group (
  source text not null,
  key text not null,
  ref bigint not null,
  firing bigint not null,
  changed_at bigint not null,
  primary key (source, key)
);

create table envelope (
  id text primary key,
  at bigint not null,
  ref bigint,
  print text not null
);
create index envelope_age on envelope (at);

create table sheet (
  name text primary key,
  at bigint not null,
  body text not null
);
