"""The verbs.  The kinds column is: frame, subject kinds, object kinds (kinds joined by ``+``; ``-`` for none).

Frames: ``i`` no object, ``t`` one object (direct, or governed by a preposition or case), ``d`` object
and recipient, ``c`` a that-clause, ``m`` motion towards a place.

- en: base, past, ``+preposition``
- de: infinitive, third person singular present, third person singular past, ``+preposition.Case`` or ``+D``
- it, fr: infinitive, participle, ``+preposition``, ``e`` when the auxiliary is to be, ``isc``,
  ``=six,present,forms`` when irregular (1s,2s,3s,1p,3p)
- ar: perfect 3ms, imperfect 3ms, ``+preposition``, ``c=`` stem before consonants, ``j=`` jussive
- zh: verb, ``+preposition`` before the verb, ``s`` when it takes no 了 (a state)
"""

from __future__ import annotations

from mtsuite.data.microworld.tables import read_table

VERBS = read_table("""
see t H+A H+A+N | see saw | sehen sieht sah | vedere visto | voir vu =vois,vois,voit,voyons,voient | شاهد يشاهد | 看见
eat t H+A E | eat ate | essen isst aß | mangiare mangiato | manger mangé | أكل يأكل | 吃
read t H text | read read | lesen liest las | leggere letto | lire lu =lis,lis,lit,lisons,lisent | قرأ يقرأ | 读
buy t H E+N+drink | buy bought | kaufen kauft kaufte | comprare comprato | acheter acheté | اشترى يشتري | 买
love t H H+A+text+song | love loved | lieben liebt liebte | amare amato | aimer aimé | أحب يحب c=أحبب | 爱 s
write t H text | write wrote | schreiben schreibt schrieb | scrivere scritto | écrire écrit =écris,écris,écrit,écrivons,écrivent | كتب يكتب | 写
find t H+A H+A+N | find found | finden findet fand | trovare trovato | trouver trouvé | وجد يجد | 找到
drink t H+A drink | drink drank | trinken trinkt trank | bere bevuto =bevo,bevi,beve,beviamo,bevono | boire bu =bois,bois,boit,buvons,boivent | شرب يشرب | 喝
look_for t H+A H+A+N | look looked +for | suchen sucht suchte | cercare cercato | chercher cherché | بحث يبحث +عن | 寻找
help t H H+A | help helped | helfen hilft half +D | aiutare aiutato | aider aidé | ساعد يساعد | 帮助
hear t H+A H+A+song+story | hear heard | hören hört hörte | sentire sentito | entendre entendu | سمع يسمع | 听见
know t H H | know knew | kennen kennt kannte | conoscere conosciuto | connaître connu =connais,connais,connaît,connaissons,connaissent | عرف يعرف | 认识 s
wait_for t H H+vehicle | wait waited +for | warten wartet wartete +auf.A | aspettare aspettato | attendre attendu | انتظر ينتظر | 等待
visit t H place+town | visit visited | besuchen besucht besuchte | visitare visitato | visiter visité | زار يزور c=زر j=يزر | 参观
forget t H H+text+idea+thing | forget forgot | vergessen vergisst vergaß | dimenticare dimenticato | oublier oublié | نسي ينسى | 忘记
open t H opening+box+bag+text | open opened | öffnen öffnet öffnete | aprire aperto | ouvrir ouvert =ouvre,ouvres,ouvre,ouvrons,ouvrent | فتح يفتح | 打开
sell t H E+N+drink | sell sold | verkaufen verkauft verkaufte | vendere venduto | vendre vendu | باع يبيع c=بع j=يبع | 卖
draw t H H+A+N | draw drew | zeichnen zeichnet zeichnete | disegnare disegnato | dessiner dessiné | رسم يرسم | 描绘
carry t H N+food | carry carried | tragen trägt trug | portare portato | porter porté | حمل يحمل | 搬运
make t H thing+clothes+surface+cake+soup | make made | machen macht machte | fare fatto =faccio,fai,fa,facciamo,fanno | faire fait =fais,fais,fait,faisons,font | صنع يصنع | 做
cook_v t H dish+rice+meat | cook cooked | kochen kocht kochte | cucinare cucinato | cuisiner cuisiné | طبخ يطبخ | 烹饪
talk_with t H H | talk talked +with | sprechen spricht sprach +mit.D | parlare parlato +con | parler parlé +avec | تحدث يتحدث +مع | 说话 +跟
think_of t H H+A+idea+place | think thought +of | denken denkt dachte +an.A | pensare pensato +a | penser pensé +à | فكر يفكر +في | 想念 s
wash t H clothes+vehicle+food+cup | wash washed | waschen wäscht wusch | lavare lavato | laver lavé | غسل يغسل | 洗
break t H+A thing+surface+opening | break broke | zerbrechen zerbricht zerbrach | rompere rotto | casser cassé | كسر يكسر | 打破
lose t H thing+clothes | lose lost | verlieren verliert verlor | perdere perso | perdre perdu | فقد يفقد | 丢失
steal t H N+food | steal stole | stehlen stiehlt stahl | rubare rubato | voler volé | سرق يسرق | 偷走
clean_v t H place+vehicle+surface+thing | clean cleaned | putzen putzt putzte | pulire pulito isc | nettoyer nettoyé | نظف ينظف | 打扫
repair t H vehicle+opening+lamp+watch+roof | repair repaired | reparieren repariert reparierte | riparare riparato | réparer réparé | أصلح يصلح | 修理
follow t H+A H+A+vehicle | follow followed | verfolgen verfolgt verfolgte | seguire seguito | suivre suivi =suis,suis,suit,suivons,suivent | تبع يتبع | 跟踪
understand t H question+answer+word+text+plan | understand understood | verstehen versteht verstand | capire capito isc | comprendre compris =comprends,comprends,comprend,comprenons,comprennent | فهم يفهم | 理解 s
play_with t H+A H+A+ball | play played +with | spielen spielt spielte +mit.D | giocare giocato +con | jouer joué +avec | لعب يلعب +مع | 玩耍 +跟
choose t H N+food+song | choose chose | wählen wählt wählte | scegliere scelto =scelgo,scegli,sceglie,scegliamo,scelgono | choisir choisi | اختار يختار c=اختر j=يختر | 选择
thank t H H | thank thanked | danken dankt dankte +D | ringraziare ringraziato | remercier remercié | شكر يشكر | 感谢
observe t H+A H+A+site+place | observe observed | beobachten beobachtet beobachtete | osservare osservato | observer observé | راقب يراقب | 观察
protect t H+A H+A+place | protect protected | schützen schützt schützte | proteggere protetto | protéger protégé | حمى يحمي | 保护
describe t H H+A+N+place | describe described | beschreiben beschreibt beschrieb | descrivere descritto | décrire décrit =décris,décris,décrit,décrivons,décrivent | وصف يصف | 描述
cut t H food+bread+meat+cheese+tree | cut cut | schneiden schneidet schnitt | tagliare tagliato | couper coupé | قطع يقطع | 切
drive t H vehicle | drive drove | fahren fährt fuhr | guidare guidato | conduire conduit =conduis,conduis,conduit,conduisons,conduisent | قاد يقود c=قد j=يقد | 驾驶
hate t H H+A+food+idea | hate hated | hassen hasst hasste | odiare odiato | détester détesté | كره يكره | 讨厌 s
laugh_at t H H+A+story | laugh laughed +at | lachen lacht lachte +über.A | ridere riso +di | rire ri +de =ris,ris,rit,rions,rient | ضحك يضحك +من | 嘲笑
sleep i H+A - | sleep slept | schlafen schläft schlief | dormire dormito | dormir dormi =dors,dors,dort,dormons,dorment | نام ينام c=نم j=ينم | 睡觉
work i H - | work worked | arbeiten arbeitet arbeitete | lavorare lavorato | travailler travaillé | عمل يعمل | 工作
run i H+A - | run ran | rennen rennt rannte | correre corso | courir couru =cours,cours,court,courons,courent | ركض يركض | 跑步
dance i H - | dance danced | tanzen tanzt tanzte | ballare ballato | danser dansé | رقص يرقص | 跳舞
sing i H+bird - | sing sang | singen singt sang | cantare cantato | chanter chanté | غنى يغني | 唱歌
swim i H+A - | swim swam | schwimmen schwimmt schwamm | nuotare nuotato | nager nagé | سبح يسبح | 游泳
cry i H - | cry cried | weinen weint weinte | piangere pianto | pleurer pleuré | بكى يبكي | 哭泣
smile i H - | smile smiled | lächeln lächelt lächelte | sorridere sorriso | sourire souri =souris,souris,sourit,sourions,sourient | ابتسم يبتسم | 微笑
fall i H+A - | fall fell | stürzen stürzt stürzte | cadere caduto e | tomber tombé e | سقط يسقط | 摔倒
travel i H - | travel travelled | reisen reist reiste | viaggiare viaggiato | voyager voyagé | سافر يسافر | 旅行
go m H+A place+town | go went +to | gehen geht ging +zu.D | andare andato e +a =vado,vai,va,andiamo,vanno | aller allé e +à =vais,vas,va,allons,vont | ذهب يذهب +إلى | 去
come_from m H+A place+town | come came +from | kommen kommt kam +aus.D | venire venuto e +da =vengo,vieni,viene,veniamo,vengono | venir venu e +de =viens,viens,vient,venons,viennent | جاء يجيء +من c=جئ j=يجئ | 来 +从
enter m H+A place | enter entered | betreten betritt betrat | entrare entrato e +in | entrer entré e +dans | دخل يدخل | 走进
give d H N+E | give gave | geben gibt gab | dare dato =do,dai,dà,diamo,danno | donner donné | أعطى يعطي | 送给
show d H N | show showed | zeigen zeigt zeigte | mostrare mostrato | montrer montré | قدم يقدم +ل | 展示给
send d H thing+clothes+text | send sent | schicken schickt schickte | mandare mandato | envoyer envoyé | أرسل يرسل +إلى | 寄给
bring d H N+E+drink | bring brought | bringen bringt brachte | consegnare consegnato | apporter apporté | أحضر يحضر +ل | 带给
lend d H thing+clothes+text+vehicle | lend lent | leihen leiht lieh | prestare prestato | prêter prêté | أعار يعير c=أعر j=يعر | 借给
say c H - | say said | sagen sagt sagte | dire detto =dico,dici,dice,diciamo,dicono | dire dit =dis,dis,dit,disons,disent | قال يقول c=قل j=يقل | 说
know_that c H - | know knew | wissen weiß wusste | sapere saputo =so,sai,sa,sappiamo,sanno | savoir su =sais,sais,sait,savons,savent | علم يعلم | 知道 s
report_that c H - | report reported | erzählen erzählt erzählte | raccontare raccontato | raconter raconté | ذكر يذكر | 讲述
discover c H - | discover discovered | entdecken entdeckt entdeckte | scoprire scoperto | découvrir découvert =découvre,découvres,découvre,découvrons,découvrent | اكتشف يكتشف | 发现
explain c H - | explain explained | erklären erklärt erklärte | spiegare spiegato | expliquer expliqué | أوضح يوضح | 解释说
notice c H - | notice noticed | bemerken bemerkt bemerkte | notare notato | remarquer remarqué | لاحظ يلاحظ | 注意到
""")  # noqa: E501
