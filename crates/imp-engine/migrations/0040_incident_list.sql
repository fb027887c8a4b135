create index incident_list on incident (ref, lower(title), status, category, severity, service, team, ticket);
create index measure_owing on measure (ref) where owed is not null
