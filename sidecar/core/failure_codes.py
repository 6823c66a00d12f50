"""What services call their errors: the codes, types and numbers of their bodies, and what each means.

A code is written here as `failure_facts.bare` leaves it. `CERTAIN` codes decide alone; a `LIKELY` one decides
over the HTTP status, but the words beside it may say more; a `VAGUE` one counts only where no status does.
Whoever adds a service adds rows.
"""

from typing import Final, Literal

Kind = Literal["billing", "quota", "rate", "overloaded", "auth", "context", "bad", "network", "aborted"]
"""What is wrong. `billing` is a quota that only a person brings back; `quota` and `rate` differ by time."""


def _rows(kind: Kind, codes: str) -> dict[str, Kind]:
    return dict.fromkeys(codes.split(), kind)


CERTAIN: Final[dict[str, Kind]] = {
    **_rows("aborted", "aborterror messageabortederror apiuseraborterror cancelederror cancellederror"),
    **_rows(
        "billing",
        "insufficientquota billingerror billinghardlimitreached billingnotactive billinglimitexceeded "
        "creditserror "
        "insufficientbalance insufficientcredits insufficientfunds insufficientuserquota paymentrequired "
        "paymentrequirederror paymentexception creditbalancetoolow arrearage accountoverdueerror "
        "accountoverdue "
        "pretokenizedquotanotenough preconsumetokenquotafailed insufficienttokenquota",
    ),
    **_rows(
        "quota",
        "usagelimitreached usagenotincluded gousagelimiterror freeusagelimiterror budgetexceeded "
        "exceededbudget "
        "exceededcurrentquotaerror quotaexceeded userweeklyratelimited usermonthlyratelimited "
        "monthlyrequestcount monthlylimiterror subscriptionusagelimiterror monthlyusagelimiterror "
        "userusagelimiterror "
        "allocationquotafreetieronly spendlimitexceeded servicequotaexceededexception usagelimitexceeded",
    ),
    **_rows(
        "overloaded",
        "overloadederror serverisoverloaded serveroverloaded engineoverloadederror engineoverloaded "
        "modeloverloaded "
        "modelcapacityexhausted servicetiercapacityexceeded capacityexceeded serviceunavailableerror "
        "serviceunavailableexception modelnotreadyexception nocapacity outofcapacity modelunavailable "
        "systemcpuoverloaded systemdiskoverloaded systemmemoryoverloaded slowdown toobusy modelloading",
    ),
    **_rows(
        "auth",
        "invalidapikey apikeyinvalid incorrectapikey missingapikey nodbconnection tokenexpired "
        "tokennotfounderror "
        "expiredkey expiredtokenexception unrecognizedclientexception invalidsignatureexception "
        "incompletesignature accountdeactivated invalidtoken tokennotfoundindb "
        "unsupportedcountryregionterritory accesstokenexpired invalidaccesstoken",
    ),
    **_rows(
        "context",
        "contextlengthexceeded contextwindowexceeded contextwindowexceedederror contexttoolarge "
        "requesttoolarge "
        "modelcontextwindowexceeded prompttoolong inputtoolong exceedcontextsizeerror contextoverflow "
        "contentlengthexceedsthreshold modelmaxprompttokensexceeded stringabovemaxlength payloadtoolarge "
        "maxcontextlengthexceeded contextlengthexceedederror",
    ),
    **_rows(
        "bad",
        "contentfilter contentpolicyviolation contentpolicyviolationerror contentpolicy "
        "imagecontentpolicyviolation "
        "invalidprompt datainspectionfailed responsibleaipolicyviolation moderationblocked "
        "cyberpolicyviolation "
        "promptblocked newsensitive inputnewsensitive guardrailintervened safetyviolation "
        "sensitivewordsdetected "
        "modelerror deploymentnotfound promptblockedbysafety",
    ),
    # z.ai and Zhipu
    **_rows("auth", "code=1000 code=1001 code=1003 code=1004 code=1110 code=1112 code=1121 code=1220"),
    **_rows("billing", "code=1113 code=1309"),
    **_rows("rate", "code=1302 code=1303"),
    **_rows("quota", "code=1304 code=1308 code=1310 code=1311 code=1316 code=1317 code=1318 code=1319"),
    **_rows("overloaded", "code=1230 code=1234 code=1305 code=1312"),
    **_rows("bad", "code=1210 code=1211 code=1212 code=1213 code=1214 code=1215 code=1301"),
    **_rows("context", "code=1261"),
    # MiniMax
    **_rows("rate", "statuscode=1002 statuscode=1039 statuscode=1041 statuscode=2045"),
    **_rows("billing", "statuscode=1008"),
    **_rows("quota", "statuscode=1028 statuscode=1030 statuscode=2056"),
    **_rows("auth", "statuscode=1004 statuscode=2049"),
    **_rows("bad", "statuscode=1026 statuscode=1027 statuscode=2013 statuscode=2061"),
    **_rows("overloaded", "statuscode=1000 statuscode=1001 statuscode=1013 statuscode=1024 statuscode=1033"),
    # Mistral, Cloudflare, Baidu
    **_rows("overloaded", "code=3505 code=3040 errorcode=336100 errorcode=336000"),
    **_rows("quota", "code=3036 code=4006 errorcode=17 errorcode=19"),
    **_rows("rate", "errorcode=4 errorcode=18 errorcode=336501 errorcode=336502 errorcode=336503"),
    **_rows("auth", "errorcode=6 errorcode=13 errorcode=14 errorcode=110 errorcode=111"),
    **_rows("context", "errorcode=336007 errorcode=336103"),
}

LIKELY: Final[dict[str, Kind]] = {
    **_rows(
        "rate",
        "ratelimiterror ratelimitexceeded ratelimited ratelimitreachederror toomanyrequests "
        "resourceexhausted "
        "throttlingexception throttlingerror throttling throttled limitrequests limitburstrate "
        "throttlingallocationquota throttlingratequota throttlingburstrate requestlimitexceeded ratelimit "
        "toomanyrequestsexception userglobalratelimited usermodelratelimited userratelimited limitation "
        "useragentmodeglobalratelimited integrationratelimited modelratelimit dynamicrequestlimited "
        "tokenratelimitexceeded requestthrottled",
    ),
    **_rows(
        "auth",
        "authenticationerror autherror permissionerror permissiondenied unauthorized unauthenticated "
        "forbidden "
        "accessterminatederror accessdenied accessdeniedexception authentication permission",
    ),
    **_rows(
        "bad", "refusal modelnotfound modelnotsupported modelnotfounderror unsupportedmodel modelnotexist"
    ),
    **_rows("overloaded", "modelstreamerrorexception modeltimeoutexception modelerrorexception"),
}

VAGUE: Final[dict[str, Kind]] = {
    **_rows(
        "overloaded",
        "servererror apierror internalerror internalservererror internalserverexception internal unavailable "
        "upstreamerror badgateway gatewaytimeout timeouterror requesttimeout deadlineexceeded providererror "
        "serviceunavailable internalfailure processingerror prematureend",
    ),
    **_rows(
        "bad",
        "invalidrequesterror invalidrequest badrequest badrequesterror invalidargument failedprecondition "
        "validationerror validationexception invalidparameter notfound notfounderror unprocessableentity "
        "unprocessableentityerror invalidparametererror unsupportedvalue methodnotallowed",
    ),
    **_rows("aborted", "cancelled canceled"),
    **_rows(
        "network",
        "apiconnectionerror connectionrefused failedtoopensocket connectionerror connecttimeouterror",
    ),
}

OF_ONE_MODEL: Final = frozenset(("usermodelratelimited", "modelratelimit", "code=1311"))
"""Of these limits the other models of an account know nothing."""

OVERFLOW_UNLESS_RATE: Final = frozenset(("tokenlimitexceeded", "maxtokensexceeded", "tokenslimitreached"))
"""Said of a rate too."""

STEMS: Final[tuple[tuple[str, Kind], ...]] = (
    ("contextlength", "context"), ("contextwindow", "context"), ("contextsize", "context"),
    ("prompttoo", "context"), ("inputtoo", "context"),
    ("contentfilter", "bad"), ("contentpolicy", "bad"), ("moderation", "bad"), ("sensitive", "bad"),
    ("insufficientquota", "billing"), ("insufficientbalance", "billing"), ("insufficientcredit", "billing"),
    ("insufficientfund", "billing"), ("notenoughcredit", "billing"), ("notenoughbalance", "billing"),
    ("billing", "billing"), ("payment", "billing"), ("overdue", "billing"), ("arrear", "billing"),
    ("outofcredit", "billing"), ("creditbalance", "billing"), ("creditsexhausted", "billing"),
    ("creditlimit", "billing"), ("balanceinsufficient", "billing"), ("lowbalance", "billing"),
    ("quotanotenough", "billing"),
    ("usagelimit", "quota"), ("quotaexceed", "quota"), ("quotaexhaust", "quota"), ("exceededquota", "quota"),
    ("quotalimit", "quota"), ("spendlimit", "quota"), ("spendinglimit", "quota"), ("budget", "quota"),
    ("dailylimit", "quota"), ("weeklylimit", "quota"), ("monthlylimit", "quota"), ("planlimit", "quota"),
    ("freetier", "quota"), ("outofquota", "quota"), ("quotareached", "quota"),
    ("unavailable", "overloaded"),
    ("overload", "overloaded"), ("capacity", "overloaded"),
    ("ratelimit", "rate"), ("throttl", "rate"), ("toomanyrequest", "rate"), ("concurrencylimit", "rate"),
    ("concurrentrequest", "rate"), ("rpmlimit", "rate"), ("tpmlimit", "rate"), ("requestlimit", "rate"),
    ("apikey", "auth"), ("authenticat", "auth"), ("unauthorized", "auth"), ("permission", "auth"),
    ("accessdenied", "auth"), ("credential", "auth"), ("invalidtoken", "auth"), ("tokenexpired", "auth"),
    ("unsupportedcountry", "auth"),
    ("modelnot", "bad"), ("unknownmodel", "bad"), ("invalidmodel", "bad"), ("unsupported", "bad"),
)  # fmt: skip
"""What codes that nobody wrote down are made of; taken like the likely ones, the first row wins."""
