import type { NoticeTemplate } from "./notice-template.ts";

const ORDER = `見積番号：{quote_no}
注文番号：{po_no}`;
const GREETING = "平素よりご利用いただき、誠にありがとうございます。";
const CROSSED =
  "お手続きの行き違いや、カードの更新、お振込みの反映待ちによる場合も多くございます。すでにお支払い済みでしたら、本メールはご放念ください。";
const HELP =
  "ご請求内容にご不明な点がある場合や、お支払い期日の変更・分割払いをご希望の場合は、どうぞお気軽にご相談ください：{support_url}";
const EXPORT = "データはいつでもエクスポートいただけます：{export_url}";
const CONTRACT = "根拠となる規約：{clause}";

/** The standard notices in Japanese. They are read by a person who did nothing wrong. */
export const standardJapanese: Readonly<Record<string, NoticeTemplate>> = {
  payment_failed: {
    subject: "【重要】ご利用料金（{amount}）の決済を完了できませんでした",
    text: `{tenant} 御中

${GREETING}

{period}のご利用料金 {amount} につきまして、決済を完了できませんでした。{error}

{invoices}
${ORDER}

お願いしたいこと：{error_action}
{pay_url}

現在、サービスはすべて通常どおりご利用いただけます。{restore_promise}

ご不明な点は、どうぞお気軽にご相談ください：{support_url}`,
  },
  card_expiring: {
    subject: "ご登録のカードの有効期限が近づいています（{card_expires}）",
    text: `{tenant} 御中

${GREETING}

お支払いにご登録いただいているカードは、有効期限が {card_expires} となっております。

次回のお支払いに支障が出ないよう、期限までに新しいカードのご登録をお願いいたします：
{pay_url}

現在、サービスはすべて通常どおりご利用いただけます。

ご不明な点は、どうぞお気軽にご相談ください：{support_url}`,
  },
  due_day: {
    subject: "【重要】ご利用料金（{amount}）のお支払い期日は{due_date}です",
    text: `{tenant} 御中

${GREETING}

{period}のご利用料金 {amount} のお支払い期日は {due_date} です。すでにお支払い済みの場合は、お手続きは不要です。

{invoices}
${ORDER}

{deadline} までにお支払いをお願いいたします：
{pay_url}

期限までにご入金を確認できない場合は、{step_date} より次の機能を休止いたします。
{effect}

引き続きご利用いただけるもの：
{still_works}

{restore_promise}

${HELP}
${CONTRACT}`,
  },
  reminder: {
    subject: "【ご確認のお願い】{due_date}期日のご利用料金（{amount}）について",
    text: `{tenant} 御中

${GREETING}

{due_date} がお支払い期日の、{period}のご利用料金 {amount} のご入金をまだ確認できておりません。${CROSSED}

{invoices}
${ORDER}

お支払いはこちらからお願いいたします：
{pay_url}

ご入金を確認できない場合に予定しているサービスの変更：{next_step}

{restore_promise}

${HELP}`,
  },
  warning: {
    subject: "【重要】{deadline}までにお支払いをお願いいたします（一部機能休止の予告）",
    text: `{tenant} 御中

${GREETING}

{due_date} がお支払い期日の、{period}のご利用料金 {amount} のご入金をまだ確認できておりません。${CROSSED}

{invoices}
${ORDER}

{deadline} までにお支払いをお願いいたします：
{pay_url}

期限までにご入金を確認できない場合は、{step_date} より次の機能を休止いたします。
{effect}

引き続きご利用いただけるもの：
{still_works}

${EXPORT}

{restore_promise}

${HELP}
${CONTRACT}`,
  },
  limited: {
    subject: "【重要】{deadline}までにお支払いをお願いいたします（「{mode}」への変更の予告）",
    text: `{tenant} 御中

${GREETING}

{due_date} がお支払い期日の、{period}のご利用料金 {amount} のご入金をまだ確認できておりません。すでにお支払い済みでしたら、本メールはご放念ください。

{invoices}
${ORDER}

{deadline} までにお支払いをお願いいたします：
{pay_url}

期限までにご入金を確認できない場合は、{step_date} よりサービスの状態が「{mode}」に変わり、次の機能を休止いたします。
{effect}

引き続きご利用いただけるもの：
{still_works}

${EXPORT}
この段階でデータが削除されることはありませんが、念のためバックアップの取得をお勧めいたします。

{restore_promise}

${HELP}
${CONTRACT}`,
  },
  suspended: {
    subject: "【重要】サービスの状態を「{mode}」に変更いたしました",
    text: `{tenant} 御中

${GREETING}

{period}のご利用料金 {amount} のご入金を確認できていないため、予告のとおり、サービスの状態を「{mode}」に変更いたしました。お預かりしているデータはすべて安全に保管しております。

{invoices}
${ORDER}

休止しているもの：
{effect}

引き続きご利用いただけるもの：
{still_works}

お支払いはこちらからお願いいたします：
{pay_url}

${EXPORT}

{restore_promise}

${HELP}
${CONTRACT}`,
  },
  deletion: {
    subject: "【重要】{deletion_date}にデータを削除いたします（削除の予告）",
    text: `{tenant} 御中

${GREETING}

現在、お預かりしているデータはすべて保管しておりますが、{deletion_date} に削除いたします。削除したデータは元に戻すことができません。{deadline} までにお手続きいただければ、削除を取りやめることができます。

未払いの料金：{period} {amount}
{invoices}

次の方法をお選びいただけます。

データをエクスポートする：{export_url}
お支払いのうえ、ご利用を続ける：{pay_url}
データの保管期間を延長する：{extension_price}（最長 {extension_max}）。お申し込みはこちら：{support_url}

それまでご利用いただけるもの：
{still_works}

バックアップは {backups_until} までに削除いたします。

{restore_promise}

大切なデータが失われることのないよう、どうぞお早めにご相談ください：{support_url}
${CONTRACT}`,
  },
  restored: {
    subject: "【ご入金の御礼】サービスを再開いたしました",
    text: `{tenant} 御中

ご入金いただき、誠にありがとうございました。未払いのために休止していた機能は、すべて再開いたしました。お客様によるお手続きは不要です。

ご利用いただけるもの：
{still_works}

今後お願いしたいこと：
{obligations}

ご利用いただけない機能が残っている場合は、お手数ですがすぐにお知らせください：{support_url}`,
  },
  exception_granted: {
    subject: "{exception_until}まで継続してご利用いただけます",
    text: `{tenant} 御中

${GREETING}

お打ち合わせのとおり、未払いの料金がございますが、{exception_until} まで次の機能を継続してご利用いただけます。
{still_works}

条件：{exception_condition}
未払いの料金：{period} {amount}
{invoices}

お支払いはいつでもこちらから承ります：
{pay_url}

{restore_promise}

ご不明な点は、どうぞお気軽にご相談ください：{support_url}`,
  },
  exception_ended: {
    subject: "【重要】継続利用の特例は{step_date}に終了いたします",
    text: `{tenant} 御中

${GREETING}

サービスを継続してご利用いただくための特例は、当初の予定より早く、{step_date} に終了いたします。{period}のご利用料金 {amount} のご入金をまだ確認できておりません。すでにお支払い済みでしたら、本メールはご放念ください。

{invoices}

{deadline} までにお支払いをお願いいたします：
{pay_url}

期限までにご入金を確認できない場合は、{step_date} よりサービスの状態が「{mode}」となり、次の機能を休止いたします。
{effect}

引き続きご利用いただけるもの：
{still_works}

${EXPORT}

{restore_promise}

${HELP}`,
  },
  plan_agreed: {
    subject: "分割払いのご予定について",
    text: `{tenant} 御中

${GREETING}

分割払いのご予定を、次のとおり承りました。
{instalments}

対象は {period}のご利用料金 {amount} です。ご予定どおりにお支払いいただいている間、サービスの状態がこれ以上変わることはありません。

各回のお支払いはこちらからお願いいたします：
{pay_url}

ご予定の変更が必要な場合は、期日の前にどうぞお気軽にご相談ください：{support_url}`,
  },
  instalment_due: {
    subject: "分割払いの期日が近づいています",
    text: `{tenant} 御中

${GREETING}

分割払いのご予定をお知らせいたします。
{instalments}

お支払いはこちらからお願いいたします：
{pay_url}

期日までのお支払いが難しい場合は、期日の前にどうぞお気軽にご相談ください：{support_url}`,
  },
  instalment_missed: {
    subject: "【重要】分割払いのご入金を確認できておりません",
    text: `{tenant} 御中

${GREETING}

分割払いのご入金を期日までに確認できなかったため、分割払いのお取り決めは終了となりました。{period}のご利用料金 {amount} が未払いとなっております。すでにお支払い済みの場合は、お手数ですがお知らせください。

{instalments}

お支払いはこちらからお願いいたします：
{pay_url}

ご入金を確認できない場合に予定しているサービスの変更：{next_step}

{restore_promise}

${HELP}`,
  },
  breach_measure: {
    subject: "【重要】{step_date}からのサービスの変更について",
    text: `{tenant} 御中

${GREETING}

ご利用状況を確認した結果、{step_date} より次の機能を休止いたします。
{effect}

引き続きご利用いただけるもの：
{still_works}

根拠となる規約：{clause}
必要なご対応について、ご連絡をお願いいたします。事案が解決し次第、休止した機能を再開いたします。

${EXPORT}

ご連絡先：{support_url}`,
  },
  offboarding_plan: {
    subject: "ご解約の手続きとデータのお引き渡しについて",
    text: `{tenant} 御中

ご解約のお申し出を承りました。これまでのご利用に心より御礼申し上げます。今後の予定は次のとおりです。

{step_date} より、サービスの状態は「{mode}」となり、次の機能のご利用が終了いたします。
{effect}

引き続きご利用いただけるもの：
{still_works}

{deadline} までは通常どおりご利用いただけます。データのエクスポートをお願いいたします：
{export_url}

終了後のデータは {deletion_date} まで保管し、その後削除いたします。

移行についても、どうぞお気軽にご相談ください：{support_url}`,
  },
  offboarding_closing: {
    subject: "ご解約の手続き：{step_date}より「{mode}」となります",
    text: `{tenant} 御中

${GREETING}

ご契約の終了が近づいてまいりました。{step_date} より、サービスの状態は「{mode}」となり、次の機能のご利用が終了いたします。
{effect}

引き続きご利用いただけるもの：
{still_works}

エクスポートや引き継ぎがお済みでないものがございましたら、{deadline} までにお願いいたします：
{export_url}

移行についても、どうぞお気軽にご相談ください：{support_url}`,
  },
  offboarding_closed: {
    subject: "ご契約の終了とデータのエクスポートについて",
    text: `{tenant} 御中

これまでのご利用に、心より御礼申し上げます。{deadline} までは、現在と同じ状態でご利用いただけます。{step_date} より、サービスの状態は「{mode}」となり、次の機能のご利用が終了いたします。
{effect}

引き続きご利用いただけるもの：
{still_works}

データは {deletion_date} までエクスポートいただけます。その後削除し、バックアップは {backups_until} までに削除いたします：
{export_url}

ご不明な点は、どうぞお気軽にご相談ください：{support_url}`,
  },
};
