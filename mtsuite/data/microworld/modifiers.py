"""Adjectives, adverbs, prepositions, names and cities.

Adjectives: kinds of noun they go with (H people, A animals, N things, L places, E food, I ideas, T texts), then

- de: predicative form, stem when it differs
- it: masculine singular, ``<`` when before the noun; fr: masculine, feminine when irregular,
  ``<`` before the noun, ``v=`` the form before a vowel
- ar: masculine (``!`` without alif in the accusative), feminine (``-`` for the regular one), human plural
- zh: word, ``+`` when it joins the noun without 的, ``是`` when the predicate is 是 … 的
"""

from __future__ import annotations

from mtsuite.data.microworld.tables import read_table

ADJECTIVES = read_table("""
big A N L E | big | groß | grande < | grand < | كبير - كبار | 大 +
small A N L E | small | klein | piccolo < | petit < | صغير - صغار | 小 +
new N L T I | new | neu | nuovo < | nouveau nouvelle v=nouvel < | جديد - جدد | 新 +
old N L T | old | alt | antico | ancien ancienne < | قديم - قدماء | 旧 +
young H A | young | jung | giovane < | jeune < | شاب - شباب | 年轻
beautiful N L | beautiful | schön | bello | magnifique | جميل - جميلون | 美丽
red N E | red | rot | rosso | rouge | أحمر! حمراء حمر | 红色 是
white A N | white | weiß | bianco | blanc blanche | أبيض! بيضاء بيض | 白色 是
black A N | black | schwarz | nero | noir | أسود! سوداء سود | 黑色 是
green N | green | grün | verde | vert | أخضر! خضراء خضر | 绿色 是
blue N | blue | blau | blu | bleu | أزرق! زرقاء زرق | 蓝色 是
yellow N E | yellow | gelb | giallo | jaune | أصفر! صفراء صفر | 黄色 是
tired H A | tired | müde | stanco | fatigué | متعب - متعبون | 疲惫
happy H A | happy | glücklich | felice | heureux | سعيد - سعداء | 快乐
sad H T | sad | traurig | triste | triste | حزين - حزناء | 伤心
rich H | rich | reich | ricco | riche | غني - أغنياء | 富有
poor H | poor | arm | povero < | pauvre < | فقير - فقراء | 贫穷
curious H A | curious | neugierig | curioso | curieux | فضولي - فضوليون | 好奇
strong H A | strong | stark | forte | fort | قوي - أقوياء | 强壮
weak H A | weak | schwach | debole | faible | ضعيف - ضعفاء | 虚弱
clever H A | clever | klug | intelligente | intelligent | ذكي - أذكياء | 聪明
famous H L T | famous | berühmt | famoso | célèbre | مشهور - مشهورون | 著名
friendly H | friendly | freundlich | gentile | aimable | ودود - ودودون | 友好
angry H A | angry | wütend | arrabbiato | furieux | غاضب - غاضبون | 愤怒
hungry H A | hungry | hungrig | affamato | affamé | جائع - جائعون | 饥饿
patient H | patient | geduldig | paziente | patient | صبور - صبورون | 耐心
honest H | honest | ehrlich | onesto | honnête | صادق - صادقون | 诚实
brave H A | brave | mutig | coraggioso | courageux | شجاع - شجعان | 勇敢
dangerous A I | dangerous | gefährlich | pericoloso | dangereux | خطير - خطيرون | 危险
expensive N E M | expensive | teuer teur | caro | cher chère | ثمين - ثمينون | 昂贵
cheap N E M | cheap | billig | economico | économique | رخيص - رخيصون | 便宜
heavy N | heavy | schwer | pesante | lourd | ثقيل - ثقيلون | 重
light N | light | leicht | leggero | léger légère | خفيف - خفيفون | 轻
long T | long | lang | lungo | long longue < | طويل - طوال | 长
short T | short | kurz | corto | court | قصير - قصار | 短
clean N L | clean | sauber | pulito | propre | نظيف - نظيفون | 干净
dirty N L | dirty | schmutzig | sporco | sale | وسخ - وسخون | 脏
empty L B | empty | leer | vuoto | vide | فارغ - فارغون | 空
dark L | dark | dunkel dunkl | buio | sombre | مظلم - مظلمون | 黑暗
quiet L | quiet | ruhig | tranquillo | tranquille | هادئ - هادئون | 安静
modern L V | modern | modern | moderno | moderne | حديث - حديثون | 现代
fresh E M | fresh | frisch | fresco | frais fraîche | طازج - طازجون | 新鲜
hot M | hot | heiß | caldo | chaud | ساخن - ساخنون | 热
cold M | cold | kalt | freddo | froid | بارد - باردون | 冷
sweet E M | sweet | süß | dolce | sucré | حلو - حلوون | 甜
interesting T I | interesting | interessant | interessante | intéressant | شيق - شيقون | 有趣
important T I | important | wichtig | importante | important | مهم - مهمون | 重要
difficult T I | difficult | schwierig | difficile | difficile | صعب - صعبون | 困难
easy T I | easy | einfach | facile | facile | سهل - سهلون | 容易
strange T I L | strange | seltsam | strano | étrange | غريب - غرباء | 奇怪
""")

# Kinds: time-past (only with the past), time (any tense), habit (present, before the verb in English), manner.
ADVERBS = read_table("""
yesterday time-past | yesterday | gestern | ieri | hier | أمس | 昨天
today time | today | heute | oggi | aujourd'hui | اليوم | 今天
now time-present | now | jetzt | adesso | maintenant | الآن | 现在
in_the_evening time | in_the_evening | am_Abend | la_sera | le_soir | في_المساء | 晚上
in_the_morning time | in_the_morning | am_Morgen | la_mattina | le_matin | في_الصباح | 早上
every_day time-present | every_day | jeden_Tag | ogni_giorno | chaque_jour | كل_يوم | 每天
last_week time-past | last_week | letzte_Woche | la_settimana_scorsa | la_semaine_dernière | الأسبوع_الماضي | 上个星期
on_sunday time | on_Sunday | am_Sonntag | domenica | dimanche | يوم_الأحد | 星期天
at_night time | at_night | in_der_Nacht | di_notte | la_nuit | ليلا | 夜里
in_summer time | in_summer | im_Sommer | in_estate | en_été | في_الصيف | 夏天
often habit | often | oft | spesso | souvent | غالبا | 经常
always habit | always | immer | sempre | toujours | دائما | 总是
sometimes habit | sometimes | manchmal | a_volte | parfois | أحيانا | 有时
rarely habit | rarely | selten | raramente | rarement | نادرا | 很少
quickly manner | quickly | schnell | rapidamente | rapidement | بسرعة | 很快地
slowly manner | slowly | langsam | lentamente | lentement | ببطء | 慢慢地
quietly manner | quietly | leise | silenziosamente | silencieusement | بهدوء | 静静地
carefully manner | carefully | vorsichtig | attentamente | prudemment | بحذر | 小心地
gladly manner | gladly | gern | volentieri | volontiers | بسرور | 高兴地
loudly manner | loudly | laut | rumorosamente | bruyamment | بصخب | 大声地
""")

# de: preposition, case; it: preposition (joined to the article); ar: preposition; zh: before, after the noun.
PREPOSITIONS = read_table("""
in place place+town | in | in D | in | dans | في | 在 里
on place surface | on | auf D | su | sur | على | 在 上
under place surface+tree | under | unter D | sotto | sous | تحت | 在 下面
near place place+site | near | bei D | vicino_a | près_de | قرب | 在 附近
behind place place+site+opening | behind | hinter D | dietro | derrière | خلف | 在 后面
in_front_of place place+opening+vehicle | in_front_of | vor D | davanti_a | devant | أمام | 在 前面
with company H | with | mit D | con | avec | مع | 跟 一起
for benefit H | for | für A | per | pour | من_أجل | 为 -
""")

NAMES = read_table("""
anna name f | Anna | Anna | Anna | Anna | آنا | 安娜
peter name m | Peter | Peter | Pietro | Pierre | بطرس | 彼得
maria name f | Mary | Maria | Maria | Marie | ماريا | 玛丽
omar name m | Omar | Omar | Omar | Omar | عمر | 奥马尔
sara name f | Sarah | Sara | Sara | Sarah | سارة | 萨拉
ali name m | Ali | Ali | Alì | Ali | علي | 阿里
paul name m | Paul | Paul | Paolo | Paul | بولس | 保罗
laila name f | Laila | Laila | Laila | Leïla | ليلى | 莱拉
daniel name m | Daniel | Daniel | Daniele | Daniel | دانيال | 丹尼尔
lucia name f | Lucy | Lucia | Lucia | Lucie | لوسيا | 露西
thomas name m | Thomas | Thomas | Tommaso | Thomas | توماس | 托马斯
fatima name f | Fatima | Fatima | Fatima | Fatima | فاطمة | 法蒂玛
david name m | David | David | Davide | David | داود | 大卫
julia name f | Julia | Julia | Giulia | Julie | جوليا | 朱莉娅
karim name m | Karim | Karim | Karim | Karim | كريم | 卡里姆
mei name f | Mei | Mei | Mei | Mei | مي | 小美
martin name m | Martin | Martin | Martino | Martin | مارتن | 马丁
elena name f | Helen | Helene | Elena | Hélène | هيلين | 海伦
ming name m | Ming | Ming | Ming | Ming | مينغ | 小明
joseph name m | Joseph | Josef | Giuseppe | Joseph | يوسف | 约瑟夫
paris city | Paris | Paris | Parigi | Paris | باريس | 巴黎
berlin city | Berlin | Berlin | Berlino | Berlin | برلين | 柏林
rome city | Rome | Rom | Roma | Rome | روما | 罗马
beijing city | Beijing | Peking | Pechino | Pékin | بكين | 北京
london city | London | London | Londra | Londres | لندن | 伦敦
vienna city | Vienna | Wien | Vienna | Vienne | فيينا | 维也纳
tunis city | Tunis | Tunis | Tunisi | Tunis | تونس | 突尼斯
""")
