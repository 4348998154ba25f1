import type { TextsDocument } from "./policy.ts";

/**
 * The standard texts, in English and Japanese. They are read by a person who did nothing wrong: they say what is
 * paused, what still works and how it comes back, and accuse nobody. A lock's text gives neither cause nor date.
 */
export const standardTexts: Readonly<Record<"en" | "ja", TextsDocument>> = {
  en: {
    modes: {
      full: "full service",
      grace: "full service without technical support",
      limited: "limited service",
      essential: "essential service",
      read_only: "view and export only",
      export_only: "export only",
      closed: "closed",
      locked: "access paused",
    },
    capabilities: {
      view: "viewing your data",
      export: "exporting your data",
      create: "creating new items",
      update: "editing",
      delete: "deleting",
      import: "importing and uploading",
      expand: "adding seats, storage or plans",
      "api.read": "reading through the API",
      "api.write": "writing through the API",
      login: "signing in",
      webhook: "webhooks",
      integration: "integrations with other services",
      job: "scheduled and background work",
      pay: "seeing invoices and paying",
      contact: "changing contacts and accepting terms",
      leave: "cancelling and asking for your data",
      "support.billing": "support with billing",
      "support.critical": "support in serious incidents",
      "support.technical": "technical support",
    },
    features: {
      seats: "seats",
      storage_gb: "storage (GB)",
      api_rps: "API requests per second",
      sso: "single sign-on",
      theme: "the choice of a theme",
    },
    denials: {
      "restricted:nonpayment": {
        title: "Paused while an invoice is open",
        detail:
          "This is paused for now: {capability}. An invoice of your organisation is still open. This concerns the organisation's account, not anything that you did.",
      },
      "restricted:breach": {
        title: "Paused while a contract question is open",
        detail:
          "This is paused for now: {capability}. A question about your organisation's contract is still open. This concerns the organisation's account, not anything that you did.",
      },
      "restricted:offboarding": {
        title: "Ended with your organisation's contract",
        detail: "This is no longer available: {capability}. Your organisation's contract is coming to its end.",
      },
      "restricted:manual": {
        title: "Paused for your organisation",
        detail:
          "This is paused for now: {capability}. Support can tell an administrator of your organisation why, and what brings it back.",
      },
      restricted: {
        title: "Paused for your organisation",
        detail: "This is paused for your organisation for now: {capability}.",
      },
      principal_not_admitted: {
        title: "Someone else in your organisation can do this",
        detail:
          "At the present service level ({mode}) this is open to certain roles only: {capability}. An administrator of your organisation can help you further.",
      },
      feature_not_in_plan: {
        title: "Not part of the present plan",
        detail:
          "Your organisation's plan does not include {feature}. An administrator of your organisation can change the plan.",
      },
      limit_reached: {
        title: "The limit of the plan is reached",
        detail:
          "Your organisation's limit for {feature} is {limit}, and this would go beyond it. Freeing some, or a larger plan, makes room again.",
      },
      locked: {
        title: "Access is paused",
        detail:
          "Access is paused for your organisation for now. We cannot say more here; support can tell an administrator of your organisation more.",
      },
      unknown_tenant: {
        title: "Organisation not found",
        detail:
          "We found no active account for this organisation. If it was set up just now, please try again in a minute.",
      },
      unknown_capability: {
        title: "This could not be checked",
        detail:
          "The application asked about something that is not set up. That is an error on our side, not on yours. Please tell support.",
      },
      no_data: {
        title: "Please try again in a moment",
        detail:
          "We cannot check your organisation's access right now. That is a fault on our side, not on yours. Please try again shortly.",
      },
    },
    sentences: {
      stillAllowed: "What still works: {stillAllowed}.",
      next: "From {next} the service level will be: {nextMode}.",
      pay: "Once the payment is confirmed, what the open invoice has paused comes back by itself: {pay}",
      support: "We are glad to help: {support}",
    },
    banners: {
      "full:nonpayment": "An invoice is due. Everything works as usual.",
      announced: "A change of the service level is planned. Everything works as usual.",
      grace: "Technical support is paused. Everything else works as usual.",
      limited: "Creating, expanding and the API are paused. Viewing, editing and exporting work as usual.",
      essential:
        "Your organisation is on essential service: viewing, exporting, reading by API and scheduled work go on.",
      read_only: "Administrators can view and export all data. Everything else is paused.",
      export_only: "Administrators can export all data. Everything else has ended.",
      closed: "This account is closed.",
      partial: "Some functions are paused for now.",
      locked: "Access is paused for now. Support can tell an administrator of your organisation more.",
    },
  },
  ja: {
    modes: {
      full: "通常のご利用",
      grace: "通常のご利用（技術サポートを除く）",
      limited: "一部制限",
      essential: "重要業務の継続利用",
      read_only: "閲覧とエクスポートのみ",
      export_only: "エクスポートのみ",
      closed: "利用終了",
      locked: "一時停止",
    },
    capabilities: {
      view: "データの閲覧",
      export: "データのエクスポート",
      create: "新規作成",
      update: "編集",
      delete: "削除",
      import: "取り込みとアップロード",
      expand: "席数・容量・プランの追加",
      "api.read": "APIでの読み取り",
      "api.write": "APIでの書き込み",
      login: "ログイン",
      webhook: "Webhookの配信",
      integration: "外部サービスとの連携",
      job: "定期処理とバックグラウンド処理",
      pay: "請求書の確認とお支払い",
      contact: "連絡先の変更と規約への同意",
      leave: "解約とデータの受け取りの申請",
      "support.billing": "お支払いに関するサポート",
      "support.critical": "重大な障害のサポート",
      "support.technical": "技術サポート",
    },
    features: {
      seats: "席数",
      storage_gb: "ストレージ容量（GB）",
      api_rps: "1秒あたりのAPIリクエスト数",
      sso: "シングルサインオン",
      theme: "テーマの選択",
    },
    denials: {
      "restricted:nonpayment": {
        title: "お支払いの確認が済むまで休止しています",
        detail:
          "現在、次の操作を休止しています：{capability}。ご契約に未精算の請求書があるためです。ご利用者ご自身の操作に問題があったわけではありません。",
      },
      "restricted:breach": {
        title: "ご契約内容の確認が済むまで休止しています",
        detail:
          "現在、次の操作を休止しています：{capability}。ご契約について確認中の事項があるためです。ご利用者ご自身の操作に問題があったわけではありません。",
      },
      "restricted:offboarding": {
        title: "ご契約の終了に伴い、ご利用いただけません",
        detail: "次の操作はご利用いただけなくなりました：{capability}。ご契約の終了手続きが進んでいるためです。",
      },
      "restricted:manual": {
        title: "現在、休止しています",
        detail:
          "現在、次の操作を休止しています：{capability}。理由と再開の方法は、サポートから貴組織の管理者にご案内できます。",
      },
      restricted: {
        title: "現在、休止しています",
        detail: "現在、次の操作を休止しています：{capability}。",
      },
      principal_not_admitted: {
        title: "管理者など一部の方のみご利用いただけます",
        detail:
          "現在のサービス状態（{mode}）では、次の操作は一部の役割の方のみご利用いただけます：{capability}。貴組織の管理者にご相談ください。",
      },
      feature_not_in_plan: {
        title: "現在のプランに含まれていません",
        detail: "現在のプランには{feature}が含まれていません。プランの変更は、貴組織の管理者が行えます。",
      },
      limit_reached: {
        title: "プランの上限に達しました",
        detail:
          "{feature}の上限は{limit}です。この操作を行うと上限を超えます。空きを作るか、上位のプランに変更すると、続けてご利用いただけます。",
      },
      locked: {
        title: "ご利用を一時停止しています",
        detail:
          "現在、貴組織のご利用を一時停止しています。こちらでは詳細をお伝えできません。サポートから貴組織の管理者にご案内します。",
      },
      unknown_tenant: {
        title: "組織が見つかりません",
        detail: "この組織の有効な契約が見つかりませんでした。登録直後の場合は、1分ほどおいてもう一度お試しください。",
      },
      unknown_capability: {
        title: "確認できませんでした",
        detail:
          "設定されていない操作について確認が求められました。これは当方の不具合で、お客様の操作に問題があったわけではありません。お手数ですが、サポートにお知らせください。",
      },
      no_data: {
        title: "しばらくしてからお試しください",
        detail:
          "ただいま、ご利用状況を確認できません。これは当方の不具合で、お客様の操作に問題があったわけではありません。しばらくしてからもう一度お試しください。",
      },
    },
    sentences: {
      stillAllowed: "引き続きご利用いただけるもの：{stillAllowed}。",
      next: "{next}から、サービス状態は「{nextMode}」になります。",
      pay: "お支払いを確認でき次第、未精算のために休止していたものは自動的に再開します： {pay}",
      support: "ご不明な点はお気軽にご相談ください： {support}",
    },
    banners: {
      "full:nonpayment": "お支払い期日を迎えた請求書があります。すべての機能を通常どおりご利用いただけます。",
      announced: "サービス状態の変更を予定しています。すべての機能を通常どおりご利用いただけます。",
      grace: "技術サポートを休止しています。そのほかは通常どおりご利用いただけます。",
      limited: "新規作成・追加契約・APIを休止しています。閲覧・編集・エクスポートは通常どおりご利用いただけます。",
      essential:
        "重要業務を継続いただける状態です。閲覧・エクスポート・APIでの読み取り・定期処理をご利用いただけます。",
      read_only: "管理者の方は、すべてのデータの閲覧とエクスポートが可能です。そのほかの操作は休止しています。",
      export_only: "管理者の方は、すべてのデータのエクスポートが可能です。そのほかのご利用は終了しました。",
      closed: "このご契約は終了しました。",
      partial: "現在、一部の機能を休止しています。",
      locked: "現在、ご利用を一時停止しています。サポートから貴組織の管理者にご案内します。",
    },
  },
};
