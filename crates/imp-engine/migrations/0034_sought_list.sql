drop index incident_list;
create index incident_list on incident (ref, coalesce(sought, lower(title)), status, category, severity, service, team, ticket)
