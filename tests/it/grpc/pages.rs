//! Tokens of pages, as those see them who read other people's logs.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use litebox_partner::pb::client as cl;
use sea_orm::ConnectionTrait;

use crate::clients::inn;
use crate::kkt::shop::register;
use crate::support::app::on_both_apps;

/// The contract takes no longer ones.
const LONGEST: usize = 2048;

#[tokio::test]
async fn tokens_of_a_list_by_company_hide_the_name_and_stay_short_however_long_it_is() {
    on_both_apps(async |app| {
        let mut registered = Vec::new();
        for (n, length) in [(1, 10), (2, 490), (3, 5_000), (4, 600)] {
            let client =
                app.clients().register(register(inn(773_605_300 + n).as_str())).await.unwrap().into_inner().client;
            let (id, name) = (client.unwrap().id, format!("Ёлка{n}{}", "Я".repeat(length)));
            let sql = format!("UPDATE client SET company = '{name}' WHERE inn = '{}'", inn(773_605_300 + n).as_str());
            app.db().direct().execute_unprepared(&sql).await.unwrap();
            registered.push(id);
        }
        let (mut seen, mut token) = (Vec::new(), String::new());
        loop {
            let order_by = cl::ClientOrder::CompanyAsc.into();
            let page = cl::ListRequest { page_size: 1, page_token: token, order_by, ..cl::ListRequest::default() };
            let page = app.clients().list(page).await.unwrap().into_inner();
            seen.extend(page.clients.into_iter().map(|client| client.id));
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
            assert!(token.len() <= LONGEST, "{}", token.len());
            let inside = URL_SAFE_NO_PAD.decode(&token).unwrap();
            assert!(!inside.windows(8).any(|window| window == "Ёлка".as_bytes()), "the name can be read");
        }
        assert_eq!(seen, registered);
    })
    .await;
}
