//! Services and teams of the catalogue.

use super::body::Body;
use super::call::{Answer, Asked, PageQuery, limit, no_cursor, query};
use super::shapes::{Page, PersonView, who};
use crate::App;
use crate::caller::Caller;
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Path, State};
use imp_core::catalogue::{Catalogue, Reference, Service, Team};
use imp_core::{Refusal, Who, words};
use imp_engine::SubmitError;
use imp_engine::audit::Deed;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Something to look at.
#[derive(Debug, Serialize, ToSchema)]
pub struct LinkView {
    /// What it is.
    pub label: String,
    /// Its address.
    pub url: String,
}

impl From<&Reference> for LinkView {
    fn from(r: &Reference) -> LinkView {
        LinkView {
            label: r.label.clone(),
            url: r.url.clone(),
        }
    }
}

/// A service of the catalogue.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceView {
    /// Alias.
    pub alias: String,
    /// Name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Owning team's alias.
    pub team: Option<String>,
    /// Tier.
    pub tier: Option<String>,
    /// Lifecycle.
    pub lifecycle: Option<String>,
    /// Who is on call, first to ask first.
    pub on_call: Vec<PersonView>,
    /// Runbooks.
    pub runbooks: Vec<LinkView>,
    /// Dashboards and documents.
    pub links: Vec<LinkView>,
    /// Aliases of services that it calls.
    pub depends_on: Vec<String>,
    /// Aliases of services that call it.
    pub dependents: Vec<String>,
    /// Where the catalogue does not answer: as of when this, on-call too, is the last that is known.
    pub last_known_at: Option<String>,
}

impl ServiceView {
    fn of(s: &Service, last_known_at: Option<String>) -> ServiceView {
        ServiceView {
            last_known_at,
            alias: s.alias.clone(),
            name: s.name.clone(),
            description: s.description.clone(),
            team: s.team.clone(),
            tier: s.tier.clone(),
            lifecycle: s.lifecycle.clone(),
            on_call: s.on_call.iter().map(Into::into).collect(),
            runbooks: s.runbooks.iter().map(Into::into).collect(),
            links: s.links.iter().map(Into::into).collect(),
            depends_on: s.depends_on.clone(),
            dependents: s.dependents.clone(),
        }
    }
}

/// A team of the catalogue.
#[derive(Debug, Serialize, ToSchema)]
pub struct TeamView {
    /// Alias.
    pub alias: String,
    /// Name.
    pub name: String,
    /// Members.
    pub members: Vec<PersonView>,
    /// The manager.
    pub manager: Option<PersonView>,
    /// Its Slack channel, without `#`.
    pub channel: Option<String>,
    /// Where the catalogue does not answer: as of when this is the last that is known.
    pub last_known_at: Option<String>,
}

impl TeamView {
    fn of(t: &Team, last_known_at: Option<String>) -> TeamView {
        TeamView {
            last_known_at,
            alias: t.alias.clone(),
            name: t.name.clone(),
            members: t.members.iter().map(Into::into).collect(),
            manager: t.manager.as_ref().map(Into::into),
            channel: t.channel.clone(),
        }
    }
}

/// A page of things that are kept by name; the cursor is the alias that came last.
fn page<T, V>(all: &[T], alias: impl Fn(&T) -> &str, q: PageQuery, view: impl Fn(&T) -> V) -> Answer<Page<V>> {
    let from = match q.cursor.as_deref().filter(|c| !c.is_empty()) {
        None => 0,
        Some(last) => {
            let place = all.iter().position(|t| alias(t) == last);
            1 + place.ok_or_else(no_cursor)?
        }
    };
    // Left out, all of them come: a catalogue is as long as an organisation is large.
    let most = match q.limit {
        None => all.len(),
        some => limit(some)?,
    };
    let to = all.len().min(from + most);
    let next = (to < all.len() && to > from).then(|| alias(&all[to - 1]).to_owned());
    Ok(Page {
        items: all[from..to].iter().map(view).collect(),
        next,
    })
}

fn last_known(app: &App, catalogue: &Catalogue) -> Option<String> {
    catalogue.last_known(app.desk.clock.now()).map(|at| at.rfc3339())
}

/// The services of the catalogue.
#[utoipa::path(get, path = "/services", params(PageQuery), responses((status = 200, body = Page<ServiceView>), (status = 400, body = Problem)))]
pub async fn services(
    State(app): State<Arc<App>>,
    _caller: Caller,
    q: Asked<PageQuery>,
) -> Answer<Json<Page<ServiceView>>> {
    let catalogue = app.desk.house.catalogue.load();
    let at = last_known(&app, &catalogue);
    page(
        &catalogue.services,
        |s| &s.alias,
        query(q)?,
        |s| ServiceView::of(s, at.clone()),
    )
    .map(Json)
}

/// Somebody who follows a service.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FollowerBody {
    /// Who: a Slack identifier or an e-mail address.
    pub user: String,
}

/// The followers of a service.
#[derive(Debug, Serialize, ToSchema)]
pub struct FollowersView {
    /// The service's alias.
    pub service: String,
    /// Who hears of each of its incidents, directly.
    pub followers: Vec<PersonView>,
}

/// Has somebody follow a service: each of its incidents is told to them, once it is known to be real, with its updates and
/// statuses. Private ones are not.
#[utoipa::path(post, path = "/services/{alias}/followers", params(("alias" = String, Path)), request_body = FollowerBody,
    responses((status = 200, body = FollowersView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn follow(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(alias): Path<String>,
    Body(b): Body<FollowerBody>,
) -> Answer<Json<FollowersView>> {
    let (alias, who) = subscriber(&app, &caller, &alias, &b.user)?;
    let deed = followed(&app, &caller, "follow_service", &alias, &who);
    app.desk.follow_service(&alias, &who, deed).await?;
    Ok(Json(followers(&app, alias)))
}

/// Somebody follows a service no longer. The incidents that they follow already they follow on.
#[utoipa::path(delete, path = "/services/{alias}/followers/{user}", params(("alias" = String, Path), ("user" = String, Path)),
    responses((status = 200, body = FollowersView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn unfollow(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((alias, user)): Path<(String, String)>,
) -> Answer<Json<FollowersView>> {
    let (alias, who) = subscriber(&app, &caller, &alias, &user)?;
    let deed = followed(&app, &caller, "unfollow_service", &alias, &who);
    app.desk.unfollow_service(&alias, &who, deed).await?;
    Ok(Json(followers(&app, alias)))
}

/// What the audit log says of it.
pub(crate) fn followed(app: &App, caller: &Caller, what: &str, service: &str, who: &Who) -> Deed {
    let detail = serde_json::json!({"said": {"service": service, "who": who.label()}});
    crate::witness::deed(caller, app.desk.clock.now(), what, None, detail)
}

fn followers(app: &App, alias: String) -> FollowersView {
    let all = app.desk.house.subscriptions.load();
    FollowersView {
        followers: all.of(&alias).iter().map(Into::into).collect(),
        service: alias,
    }
}

/// The service, and somebody whom Slack knows, so that they can be told.
fn subscriber(app: &App, caller: &Caller, alias: &str, user: &str) -> Answer<(String, Who)> {
    caller.must(imp_core::rights::Right::Tell)?;
    let house = &app.desk.house;
    let catalogue = house.catalogue.load();
    let Some(s) = catalogue.service(alias) else {
        return Err(Problem::not_found("The catalogue has no such service."));
    };
    let who = house.directory.load().complete(&who(user));
    if who.slack.is_none() {
        let message = "Say who: somebody whom Slack knows, by identifier or e-mail address.";
        return Err(SubmitError::Refused(Box::new(Refusal::field("user", message))).into());
    }
    Ok((s.alias.clone(), who))
}

/// A service, by alias or name.
#[utoipa::path(get, path = "/services/{alias}", params(("alias" = String, Path)), responses((status = 200, body = ServiceView), (status = 404, body = Problem)))]
pub async fn service(
    State(app): State<Arc<App>>,
    _caller: Caller,
    Path(alias): Path<String>,
) -> Answer<Json<ServiceView>> {
    let catalogue = app.desk.house.catalogue.load();
    let at = last_known(&app, &catalogue);
    let found = catalogue.service(&alias).map(|s| ServiceView::of(s, at));
    found.map(Json).ok_or_else(|| {
        let near = catalogue.nearest_service(&alias);
        let near = near.map(|s| format!(" Perhaps {}?", s.alias)).unwrap_or_default();
        Problem::not_found(format!(
            "The catalogue has no service {:?}.{near}",
            words::cut(&alias, 40)
        ))
    })
}

/// The teams of the catalogue.
#[utoipa::path(get, path = "/teams", params(PageQuery), responses((status = 200, body = Page<TeamView>), (status = 400, body = Problem)))]
pub async fn teams(State(app): State<Arc<App>>, _caller: Caller, q: Asked<PageQuery>) -> Answer<Json<Page<TeamView>>> {
    let catalogue = app.desk.house.catalogue.load();
    let at = last_known(&app, &catalogue);
    page(
        &catalogue.teams,
        |t| &t.alias,
        query(q)?,
        |t| TeamView::of(t, at.clone()),
    )
    .map(Json)
}

/// A team, by alias or name.
#[utoipa::path(get, path = "/teams/{alias}", params(("alias" = String, Path)), responses((status = 200, body = TeamView), (status = 404, body = Problem)))]
pub async fn team(State(app): State<Arc<App>>, _caller: Caller, Path(alias): Path<String>) -> Answer<Json<TeamView>> {
    let catalogue = app.desk.house.catalogue.load();
    let at = last_known(&app, &catalogue);
    let found = catalogue.team(&alias).map(|t| TeamView::of(t, at));
    let detail = || format!("The catalogue has no team {:?}.", words::cut(&alias, 40));
    found.map(Json).ok_or_else(|| Problem::not_found(detail()))
}
