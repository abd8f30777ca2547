"""What stands for a currency in a shop's price, beside the codes of ISO 4217."""

from __future__ import annotations

SIGNS = """
    $ dollars dollar : USD AUD CAD NZD SGD HKD TWD MXN CLP COP ARS BRL UYU DOP JMD TTD BZD FJD NIO
    US$ $US U$S USD$ USDollar USDollars : USD
    A$ AU$ AUD$ $AU : AUD
    C$ CA$ CAD$ $CA $CAN CDN$ : CAD
    NZ$ : NZD
    S$ SG$ : SGD
    HK$ : HKD
    NT$ : TWD
    MX$ MEX$ : MXN
    R$ : BRL
    AR$ : ARS
    CL$ CLP$ : CLP
    COL$ COP$ : COP
    € euro euros : EUR
    £ pounds pound : GBP EGP
    E£ LE : EGP
    ¥ ￥ : JPY CNY
    円 yen JP¥ : JPY
    CN¥ RMB 元 : CNY
    ₩ 원 : KRW
    ₹ : INR
    Rs ₨ : INR PKR LKR NPR
    ₽ руб р : RUB
    ₺ TL : TRY
    ₴ грн : UAH
    ₪ שח NIS : ILS
    ₫ đ : VND
    ฿ บาท : THB
    ₱ : PHP
    ₦ : NGN
    ₸ : KZT
    ₵ GH₵ GH¢ : GHS
    zł zl : PLN
    Kč : CZK
    Ft : HUF
    lei : RON
    лв : BGN
    kr : - SEK NOK DKK ISK
    SFr Fr : CHF
    din дин : RSD
    Rp : IDR
    RM : MYR
    R : ZAR
    S/ : PEN
    KSh : KES
    رس SR : SAR
    دإ Dhs : AED
    DH دم : MAD AED
    جم : EGP
    ﷼ ریال : IRR SAR OMR QAR YER
    KD دك : KWD
    BD دب : BHD
    JD : JOD
    DT دت : TND
    RO : OMR
    QR رق : QAR
    KM : BAM
    ден : MKD
    ֏ : AMD
    ₾ : GEL
    ₼ : AZN
    ৳ Tk : BDT
    ₭ : LAK
    ៛ : KHR
    Ks : MMK
    ₡ : CRC
    RD$ : DOP
    J$ : JMD
    TT$ : TTD
    BZ$ : BZD
    $U : UYU
    ₲ Gs : PYG
    FJ$ : FJD
    B/ : PAB
    Bs : BOB VES
    TSh : TZS
    USh : UGX
"""
"""Signs and words without points → codes; of several the first is meant where nothing else tells.

"kr" alone may be any of four crowns, so it names none.
"""
